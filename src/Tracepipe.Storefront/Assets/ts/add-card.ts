// Saving a card: our server opens a setup, Stripe's own form takes the number, and the page that follows asks Stripe what became of it.
import { visit } from "@hotwired/turbo";
import { say } from "./ui/live";
import { mount } from "./ui/mount";

const away = "The card form cannot be loaded: Stripe does not answer. Nothing was saved. Check your connection, then retry.";

class CardForm {
  readonly #form: HTMLFormElement;
  readonly #place: HTMLElement;
  readonly #save: HTMLButtonElement;
  readonly #retry: HTMLButtonElement;
  readonly #failure: HTMLElement;
  #stripe: StripeInstance | undefined;
  #elements: StripeElements | undefined;
  #element: StripeElement | undefined;
  #intent = "";
  #tries = 0;

  constructor(
    private readonly panel: HTMLElement,
    private readonly opener: HTMLButtonElement | null,
  ) {
    this.#form = part(panel, "[data-card-form]");
    this.#place = part(panel, "[data-card-element]");
    this.#save = part(panel, "[data-card-save]");
    this.#retry = part(panel, "[data-card-retry]");
    this.#failure = part(panel, "[data-card-error]");
    this.opener?.addEventListener("click", (event) => {
      event.preventDefault();
      void this.#open();
    });
    part(panel, "[data-card-cancel]").addEventListener("click", () => this.#close(true));
    this.#retry.addEventListener("click", () => void this.#begin());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#confirm();
    });
    this.#holdPress();
    addEventListener("themechange", () => this.#elements?.update({ appearance: appearance() }));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#elements?.update({ appearance: appearance() }));
    document.addEventListener("turbo:before-cache", () => this.#close(false), { once: true });
    if (location.hash === `#${panel.id}` && !document.documentElement.hasAttribute("data-turbo-preview")) void this.#open();
  }

  /** Stripe's form changes its height when it pleases: the click stays with the button that was pressed, unless the pointer is drawn away. */
  #holdPress(): void {
    let [x, y] = [0, 0];
    this.#save.addEventListener("pointerdown", (event) => {
      [x, y] = [event.clientX, event.clientY];
      this.#save.setPointerCapture(event.pointerId);
    });
    this.#save.addEventListener("click", (event) => {
      const isByPointer = event instanceof PointerEvent && event.pointerType !== "";
      if (isByPointer && Math.hypot(event.clientX - x, event.clientY - y) > 32) event.preventDefault();
    });
  }

  async #open(): Promise<void> {
    this.panel.hidden = false;
    if (this.opener !== null) this.opener.hidden = true; // the panel has the buttons now
    this.panel.scrollIntoView({ block: "nearest" });
    part<HTMLElement>(this.panel, "h2").focus();
    if (this.#element === undefined) await this.#begin();
  }

  #close(isByPerson: boolean): void {
    this.#tries++;
    this.#element?.destroy();
    this.#element = this.#elements = undefined;
    this.#waiting(true);
    this.#say("");
    this.panel.hidden = true;
    if (this.opener !== null) this.opener.hidden = false;
    if (!isByPerson) return;
    this.opener?.focus();
    history.replaceState(history.state, "", location.pathname); // without the hash that opened it: not open again when the page is read again
  }

  /** A setup of our server's, and Stripe's form for it. */
  async #begin(): Promise<void> {
    const mine = ++this.#tries;
    this.#say("");
    this.#waiting(true);
    try {
      const { stripeJs = "", stripeKey = "", setup = "" } = this.panel.dataset;
      const [secret] = await Promise.all([this.#newSetup(setup), script(stripeJs)]);
      if (mine !== this.#tries) return; // closed, or begun anew meanwhile
      this.#stripe ??= window.Stripe?.(stripeKey);
      if (this.#stripe === undefined) throw new Failure(away);
      this.#elements = this.#stripe.elements({ clientSecret: secret, appearance: appearance() });
      this.#element = this.#elements.create("payment");
      this.#element.on("ready", () => this.#waiting(false));
      this.#element.on("loaderror", () => this.#fail(away));
      this.#element.mount(this.#place);
    } catch (failure) {
      if (mine === this.#tries) this.#fail(failure instanceof Failure ? failure.message : away);
    }
  }

  async #newSetup(address: string): Promise<string> {
    const token = part<HTMLInputElement>(this.#form, "input[name=__RequestVerificationToken]").value;
    const answer = await fetch(address, { method: "POST", headers: { "Content-Type": "application/json", Accept: "application/json", RequestVerificationToken: token }, body: "{}" });
    const body = (await answer.json()) as { client_secret?: string; setup_intent_id?: string; detail?: string };
    if (!answer.ok || body.client_secret === undefined || body.setup_intent_id === undefined) throw new Failure(body.detail ?? away);
    this.#intent = body.setup_intent_id;
    return body.client_secret;
  }

  async #confirm(): Promise<void> {
    const { return: back = "" } = this.panel.dataset;
    if (this.#stripe === undefined || this.#elements === undefined || this.#save.disabled) return;
    this.#say("");
    this.#busy(true);
    try {
      const checked = await this.#elements.submit();
      if (checked.error !== undefined) {
        // What is wrong in a field stands at the field, inside Stripe's form.
        if (checked.error.type !== "validation_error") this.#say(sentence(checked.error));
        this.#busy(false);
        return;
      }
      const { error, setupIntent } = await this.#stripe.confirmSetup({ elements: this.#elements, confirmParams: { return_url: new URL(back, location.href).href }, redirect: "if_required" });
      // A setup that can no longer be confirmed was confirmed before: the server looks.
      if (error !== undefined && error.code !== "setup_intent_unexpected_state") {
        if (error.type !== "validation_error") this.#say(sentence(error));
        this.#busy(false);
        return;
      }
      say("Card saved. Loading the list.");
      visit(`${back}?setup_intent=${encodeURIComponent(setupIntent?.id ?? this.#intent)}`, { action: "replace" });
    } catch {
      this.#say("Stripe does not answer. The card may or may not have been saved: reload the page before you try again.");
      this.#busy(false);
    }
  }

  #fail(text: string): void {
    this.#element?.destroy();
    this.#element = this.#elements = undefined;
    part<HTMLElement>(this.panel, "[data-card-skeleton]").hidden = true;
    this.#place.setAttribute("aria-busy", "false");
    this.#save.hidden = true;
    this.#retry.hidden = false;
    this.#say(text);
  }

  #waiting(isWaiting: boolean): void {
    part<HTMLElement>(this.panel, "[data-card-skeleton]").hidden = !isWaiting;
    this.#place.setAttribute("aria-busy", String(isWaiting));
    this.#save.hidden = false;
    this.#save.disabled = isWaiting;
    this.#retry.hidden = true;
  }

  #busy(isBusy: boolean): void {
    this.#form.setAttribute("aria-busy", String(isBusy));
    this.#save.disabled = isBusy;
  }

  #say(text: string): void {
    part(this.#failure, "[data-card-error-text]").textContent = text;
    this.#failure.hidden = text === "";
  }
}

/** Has a sentence for people. */
class Failure extends Error {}

/** Only what the bank or Stripe's form says is written for people. */
function sentence(error: StripeFailure): string {
  const isForPeople = error.type === "card_error" || error.code === "setup_intent_authentication_failure";
  return isForPeople && error.message !== undefined ? `The card was not saved. ${error.message}` : "The card was not saved: Stripe could not do it right now. Try again, or use another card.";
}

const scripts = new Map<string, Promise<void>>();

/** Loads Stripe.js once; a failed try may be repeated. */
function script(address: string): Promise<void> {
  let loading = window.Stripe === undefined ? scripts.get(address) : Promise.resolve();
  if (loading === undefined) {
    loading = new Promise<void>((done, failed) => {
      const tag = Object.assign(document.createElement("script"), { src: address, async: true });
      tag.addEventListener("load", () => done());
      tag.addEventListener("error", () => {
        tag.remove();
        scripts.delete(address);
        failed(new Failure(away));
      });
      document.head.append(tag);
    });
    scripts.set(address, loading);
  }
  return loading;
}

/** Our tokens in Stripe's words. It knows rgb(), not oklch(), so the browser converts. */
function appearance(): StripeAppearance {
  const root = getComputedStyle(document.documentElement);
  const colour = (name: string) => rgb(root.getPropertyValue(name));
  const isDark = document.documentElement.classList.contains("dark") || (!document.documentElement.classList.contains("light") && matchMedia("(prefers-color-scheme: dark)").matches);
  return {
    theme: isDark ? "night" : "stripe",
    variables: {
      colorPrimary: colour("--primary"),
      colorBackground: colour("--card"),
      colorText: colour("--foreground"),
      colorTextSecondary: colour("--muted-foreground"),
      colorTextPlaceholder: colour("--muted-foreground"),
      colorDanger: colour("--danger"),
      fontFamily: "system-ui, sans-serif",
      fontSizeBase: "14px",
      borderRadius: "8px",
      spacingUnit: "4px",
    },
  };
}

function rgb(colour: string): string {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d");
  if (canvas === null) return colour;
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  const [red = 0, green = 0, blue = 0] = canvas.getImageData(0, 0, 1, 1).data;
  return `rgb(${red}, ${green}, ${blue})`;
}

function part<T extends Element = HTMLElement>(of: Element, selector: string): T {
  const found = of.querySelector<T>(selector);
  if (found === null) throw new Error(`The card form has no ${selector}.`);
  return found;
}

mount<HTMLElement>("[data-add-card]", (panel) => new CardForm(panel, document.querySelector("[data-add-card-open]")));
