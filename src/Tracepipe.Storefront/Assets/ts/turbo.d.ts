/** The part of Turbo that we touch; the package brings no types. */
declare module "@hotwired/turbo" {
  export const config: { drive: { progressBarDelay: number } };
  export const session: { preloader: unknown };
  export function renderStreamMessage(message: string): void;
  export function visit(location: string, options?: { action?: "advance" | "replace" }): void;
}

interface FrameElement extends HTMLElement {
  src: string | null;
  reload(): Promise<void>;
}

interface DocumentEventMap {
  "turbo:load": CustomEvent;
  "turbo:visit": CustomEvent;
  "turbo:render": CustomEvent;
  "turbo:frame-load": CustomEvent;
  "turbo:before-cache": CustomEvent;
  "turbo:submit-end": CustomEvent<{ success: boolean }>;
  "turbo:frame-missing": CustomEvent<{ response: Response }>;
  "turbo:before-stream-render": CustomEvent<{ render: (element: Element) => Promise<void> }>;
  "turbo:before-morph-element": CustomEvent<{ newElement?: Element }>;
  "turbo:before-morph-attribute": CustomEvent<{ attributeName: string }>;
  "turbo:fetch-request-error": CustomEvent<{ error: Error }>;
  toast: CustomEvent<{ tone: "success" | "danger" | "info"; text: string }>;
}
