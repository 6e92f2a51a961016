/** The part of Stripe.js that the card form uses; the script itself always comes from its own address. */
interface StripeAppearance {
  theme: "stripe" | "night";
  variables: Record<string, string>;
}

interface StripeFailure {
  type: string;
  code?: string;
  message?: string;
}

interface StripeElement {
  mount(at: HTMLElement): void;
  destroy(): void;
  focus(): void;
  on(event: "ready", then: () => void): StripeElement;
  on(event: "loaderror", then: (event: { error: StripeFailure }) => void): StripeElement;
}

interface StripeElements {
  create(type: "payment"): StripeElement;
  submit(): Promise<{ error?: StripeFailure }>;
  update(options: { appearance: StripeAppearance }): unknown;
}

interface StripeInstance {
  elements(options: { clientSecret: string; appearance: StripeAppearance }): StripeElements;
  confirmSetup(options: {
    elements: StripeElements;
    confirmParams: { return_url: string };
    redirect: "if_required";
  }): Promise<{ error?: StripeFailure; setupIntent?: { id: string; status: string } }>;
}

interface Window {
  Stripe?: (publishableKey: string) => StripeInstance;
}
