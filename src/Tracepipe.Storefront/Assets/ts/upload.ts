// Uploading a trace in pieces by the tus protocol: a broken connection, a closed lid or a restarted server costs nothing that has arrived.
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { DetailedError, type HttpResponse, Upload } from "tus-js-client";
import { say } from "./ui/live";
import { mount } from "./ui/mount";

const session = "Tracepipe-Session";
const piece = 4_000_000; // bytes read at a time

class Uploader {
  readonly #form: HTMLFormElement;
  readonly #input: HTMLInputElement;
  #upload: Upload | undefined;
  #file: File | undefined;
  #steps: { at: number; sent: number }[] = [];
  #brokeAt: number | undefined;
  #sent = 0;

  constructor(private readonly root: HTMLElement) {
    this.#form = part(root, "[data-upload-form]");
    this.#input = part(root, "#trace");
    const drop = part<HTMLElement>(root, "[data-upload-drop]");
    part<HTMLElement>(root, "[data-upload-drag]").hidden = false;
    this.#input.addEventListener("change", () => void this.#chosen());
    for (const kind of ["dragenter", "dragover"] as const) drop.addEventListener(kind, (event) => this.#over(event, true));
    for (const kind of ["dragleave", "drop"] as const) drop.addEventListener(kind, (event) => this.#over(event, false));
    drop.addEventListener("drop", (event) => {
      const files = event.dataTransfer?.files;
      if (files === undefined || files.length === 0) return;
      this.#input.files = files;
      void this.#chosen();
    });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#send();
    });
    this.#on("pause", () => void this.#pause());
    this.#on("resume", () => this.#go());
    this.#on("retry", () => this.#go());
    this.#on("cancel", () => void this.#cancel());
    const stay = (event: Event) => {
      if (!this.#isRunning() || !root.isConnected) return;
      if (event.type === "turbo:before-visit" && window.confirm("The upload stops when you leave. Choose the same file again later and it goes on. Leave now?")) return void this.#upload?.abort();
      event.preventDefault();
    };
    addEventListener("beforeunload", stay);
    document.addEventListener("turbo:before-visit", stay);
    document.addEventListener("turbo:before-cache", () => void this.#upload?.abort(), { once: true });
  }

  #over(event: DragEvent, isOver: boolean): void {
    event.preventDefault();
    part(this.root, "[data-upload-drop]").toggleAttribute("data-over", isOver);
  }

  /** What can be known of a file before it is sent: its price, its size, its first bytes. */
  async #chosen(): Promise<string> {
    this.#fail("");
    this.#file = this.#input.files?.[0];
    this.#price(this.#file);
    if (this.#file === undefined) return "Choose a file.";
    const wrong = await this.#wrongOf(this.#file);
    this.#fail(wrong);
    return wrong;
  }

  async #wrongOf(file: File): Promise<string> {
    const most = Number(this.root.dataset["most"]);
    if (file.size === 0) return "This file is empty.";
    if (file.size > most) return `This file has ${size(file.size)}; a trace has at most ${size(most)}.`;
    const head = new Uint8Array(await file.slice(0, 256).arrayBuffer());
    if (head[0] === 0x1f && head[1] === 0x8b) return "";
    const text = new TextDecoder().decode(head).replace(/^\uFEFF/, "").trimStart();
    return text.startsWith("{") || text.startsWith("[") ? "" : "This is no trace: it is neither JSON nor gzip. Save the recording from the browser and choose that file.";
  }

  #price(file: File | undefined): void {
    const { stored = "0", included = "0", price = "0" } = this.root.dataset;
    const bytes = BigInt(file?.size ?? 1_000_000_000);
    part(this.root, "[data-upload-what]").textContent = file === undefined ? "1 GB more" : `this file, ${size(file.size)}`;
    for (const place of this.root.querySelectorAll<HTMLElement>("[data-upload-days]")) {
      const exact = cost(BigInt(stored), BigInt(included), bytes, BigInt(place.dataset["uploadDays"] ?? "0") * 24n, price);
      place.textContent = exact.picodollars === 0n ? "Included" : exact.text;
    }
  }

  async #send(): Promise<void> {
    if (this.#isRunning() || this.#isReading() || (await this.#chosen()) !== "" || this.#file === undefined) return;
    const file = this.#file;
    const fields = new FormData(this.#form);
    const token = String(fields.get("__RequestVerificationToken") ?? "");
    part(this.root, "[data-upload-name]").textContent = file.name;
    part(this.root, "[data-upload-bar]").setAttribute("aria-label", `Upload of ${file.name}`);
    this.#progress(0, file.size);
    this.#shows("reading");
    const digest = await this.#digest(file);
    if (digest === undefined) return;
    const metadata = { suite_id: String(fields.get("suite_id") ?? ""), description: String(fields.get("description") ?? ""), filename: file.name, sha256: digest };
    this.#upload = new Upload(file, {
      endpoint: this.root.dataset["upload"] ?? "",
      headers: { RequestVerificationToken: token, Accept: "application/json" },
      metadata,
      retryDelays: [500, 1000, 2000, 4000, 8000, 8000, 8000, 8000],
      removeFingerprintOnSuccess: true,
      onProgress: (sent, total) => this.#progress(sent, total),
      onShouldRetry: (error) => this.#mayRetry(error),
      onError: (error) => this.#broke(error),
      onSuccess: ({ lastResponse }) => void this.#finish(lastResponse, token),
    });
    const before = await this.#upload.findPreviousUploads();
    const same = before.find((u) => u.metadata["suite_id"] === metadata.suite_id && u.metadata["description"] === metadata.description && u.metadata["sha256"] === digest && u.uploadUrl?.includes(this.root.dataset["upload"] ?? "?"));
    if (same !== undefined) {
      this.#upload.resumeFromPreviousUpload(same);
      this.#note("This file was here before: the upload goes on from where it stopped.");
    }
    this.#go();
  }

  /** The SHA-256 that what arrives is held against; nothing when the person canceled meanwhile or the file cannot be read. */
  async #digest(file: File): Promise<string | undefined> {
    const hash = sha256.create();
    try {
      for (let at = 0; at < file.size; at += piece) {
        this.#rate(`Reading the file, ${Math.floor((100 * at) / file.size)} %`, "");
        hash.update(new Uint8Array(await file.slice(at, at + piece).arrayBuffer()));
        if (!this.#isReading()) return undefined;
      }
    } catch {
      this.#shows("choosing");
      this.#fail("The file cannot be read any more: it was changed or moved. Choose it again.");
      return undefined;
    }
    return bytesToHex(hash.digest());
  }

  #go(): void {
    this.#fail("");
    this.#steps = [];
    this.#shows("running");
    this.#upload?.start();
  }

  async #pause(): Promise<void> {
    await this.#upload?.abort();
    this.#shows("paused");
    this.#rate("Paused", "");
    say("Upload paused");
  }

  async #cancel(): Promise<void> {
    const upload = this.#upload;
    this.#upload = undefined;
    this.#brokeAt = undefined;
    this.#note("");
    this.#fail("");
    this.#shows("choosing");
    await upload?.abort(true).catch(() => undefined); // away or gone: what nobody finishes is erased after a day
    say("Upload canceled");
  }

  #progress(sent: number, total: number): void {
    if (this.#brokeAt !== undefined && sent > this.#sent) {
      this.#note(`The connection broke at ${size(this.#brokeAt)} and the upload went on from there.`);
      this.#brokeAt = undefined;
    }
    this.#sent = sent;
    const now = performance.now();
    this.#steps = [...this.#steps.filter((s) => now - s.at < 5000), { at: now, sent }];
    const percent = total === 0 ? 0 : Math.floor((100 * sent) / total);
    part(this.root, "[data-upload-sent]").textContent = `${size(sent)} of ${size(total)}`;
    part(this.root, "[data-upload-percent]").textContent = `${percent} %`;
    const bar = part<HTMLElement>(this.root, "[data-upload-bar]");
    part<SVGRectElement>(bar, "rect").setAttribute("width", `${total === 0 ? 0 : (100 * sent) / total}%`);
    const [first] = this.#steps;
    const seconds = first === undefined ? 0 : (now - first.at) / 1000;
    const speed = first === undefined || seconds < 0.2 ? 0 : (sent - first.sent) / seconds;
    const left = speed > 0 ? duration((total - sent) / speed) : "";
    bar.setAttribute("aria-valuenow", String(percent));
    bar.setAttribute("aria-valuetext", left === "" ? `${percent} percent` : `${percent} percent, ${left} left`);
    if (sent >= total && total > 0) this.#rate("Checking the file", "");
    else if (speed > 0) this.#rate(`${size(speed)} per second`, `${left} left`);
  }

  /** Whatever may pass by itself: no answer, a server that starts again, another request at the same upload, too many at once. */
  #mayRetry(error: Error): boolean {
    const status = error instanceof DetailedError ? (error.originalResponse?.getStatus() ?? 0) : 0;
    const again = status === 0 || status === 409 || status === 423 || status === 429 || (status >= 500 && status !== 507);
    if (again) {
      this.#brokeAt ??= this.#sent;
      this.#rate("Connection lost, trying again", "");
    }
    return again;
  }

  #broke(error: Error): void {
    const answer = error instanceof DetailedError ? error.originalResponse : null;
    const text = answer === null || answer === undefined ? "" : sentence(answer.getBody());
    const status = answer?.getStatus() ?? 0;
    this.#rate("", "");
    // What the file itself is wrong with does not get better by trying again.
    if (status === 422 || status === 413 || status === 400) {
      this.#upload = undefined;
      this.#shows("choosing");
      this.#note("");
    } else {
      this.#shows("failed");
    }
    this.#fail(text === "" ? "The server does not answer. What has arrived is kept: press Retry when you are online again." : text);
  }

  /** The answer to the last piece names the session. Without it everything had arrived before, and an empty piece asks. */
  async #finish(answer: HttpResponse, token: string): Promise<void> {
    let id = answer.getHeader(session);
    if (!id && this.#upload?.url && this.#file) {
      const headers = { "Tus-Resumable": "1.0.0", "Upload-Offset": String(this.#file.size), "Content-Type": "application/offset+octet-stream", RequestVerificationToken: token, Accept: "application/json" };
      try {
        let asked = await fetch(this.#upload.url, { method: "PATCH", headers, credentials: "same-origin" });
        // The request whose answer was lost is still at it.
        while (asked.status === 423 && this.#isRunning()) {
          await new Promise((resolve) => setTimeout(resolve, 2000));
          if (!this.#isRunning()) return;
          asked = await fetch(this.#upload.url, { method: "PATCH", headers, credentials: "same-origin" });
        }
        id = asked.headers.get(session) ?? undefined;
        if (!id) {
          this.#shows("failed");
          return this.#fail(sentence(await asked.text()) || "The upload could not be finished. Press Retry.");
        }
      } catch {
        this.#shows("failed");
        return this.#fail("The server does not answer. What has arrived is kept: press Retry when you are online again.");
      }
    }
    this.#shows("done");
    part(this.root, "[data-upload-done-name]").textContent = this.#file?.name ?? "The file";
    part<HTMLInputElement>(this.root, "#session-id").value = id ?? "";
    part<HTMLAnchorElement>(this.root, "[data-upload-open]").href = `${this.root.dataset["sessions"] ?? ""}/${id ?? ""}`;
    part<HTMLElement>(this.root, "#uploaded").focus();
    say("Uploaded");
  }

  #isReading(): boolean {
    return this.root.dataset["state"] === "reading";
  }

  #isRunning(): boolean {
    return this.root.dataset["state"] === "running";
  }

  /** Which controls stand there. */
  #shows(state: "choosing" | "reading" | "running" | "paused" | "failed" | "done"): void {
    this.root.dataset["state"] = state;
    const show = (name: string, ...states: string[]) => (part<HTMLElement>(this.root, `[data-upload-${name}]`).hidden = !states.includes(state));
    show("choose", "choosing");
    show("send", "choosing");
    show("progress", "reading", "running", "paused", "failed");
    show("cancel", "reading", "running", "paused", "failed");
    show("pause", "running");
    show("resume", "paused");
    show("retry", "failed");
    show("done", "done");
    show("form", "choosing", "reading", "running", "paused", "failed");
    for (const field of this.#form.querySelectorAll<HTMLInputElement | HTMLSelectElement>("#suite_id, #description")) field.disabled = state !== "choosing";
  }

  #rate(speed: string, left: string): void {
    part(this.root, "[data-upload-speed]").textContent = speed;
    part(this.root, "[data-upload-left]").textContent = left;
  }

  #note(text: string): void {
    part(this.root, "[data-upload-note-text]").textContent = text;
    part<HTMLElement>(this.root, "[data-upload-note]").hidden = text === "";
  }

  #fail(text: string): void {
    part(this.root, "[data-upload-error-text]").textContent = text;
    part<HTMLElement>(this.root, "[data-upload-error]").hidden = text === "";
    this.#input.toggleAttribute("aria-invalid", text !== "" && this.root.dataset["state"] !== "failed");
  }

  #on(name: string, act: () => void): void {
    part(this.root, `[data-upload-${name}]`).addEventListener("click", act);
  }
}

/** What is charged for so many more bytes in so many hours: whole numbers all the way, as the server counts. 1 GB is 10⁹ bytes. */
function cost(stored: bigint, included: bigint, bytes: bigint, hours: bigint, price: string): { picodollars: bigint; text: string } {
  const above = (level: bigint) => (included < 0n || level < included ? 0n : level - included);
  const [whole = "0", fraction = ""] = price.split(".");
  const unit = BigInt(whole + fraction.padEnd(12, "0").slice(0, 12)); // of 10⁻¹² dollars
  const picodollars = ((above(stored + bytes) - above(stored)) * hours * unit) / 1_000_000_000n;
  const micro = (picodollars + 500_000n) / 1_000_000n;
  const decimals = (micro % 1_000_000n).toString().padStart(6, "0").replace(/0{1,4}$/, "");
  return { picodollars, text: `$${(micro / 1_000_000n).toLocaleString("en-US")}.${decimals}` };
}

function size(bytes: number): string {
  const short = (number: number) => (number < 100 ? number.toFixed(1).replace(/\.0$/, "") : number.toFixed(0));
  if (bytes >= 1e9) return `${short(bytes / 1e9)} GB`;
  if (bytes >= 1e6) return `${short(bytes / 1e6)} MB`;
  if (bytes >= 1e3) return `${short(bytes / 1e3)} kB`;
  return `${Math.round(bytes)} B`;
}

function duration(seconds: number): string {
  const whole = Math.max(1, Math.ceil(seconds));
  if (whole < 60) return whole === 1 ? "1 second" : `${whole} seconds`;
  const minutes = Math.ceil(whole / 60);
  if (minutes < 60) return minutes === 1 ? "1 minute" : `${minutes} minutes`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** The sentence for people in a refusal. */
function sentence(body: string): string {
  try {
    return (JSON.parse(body) as { detail?: string }).detail ?? "";
  } catch {
    return "";
  }
}

function part<T extends Element = HTMLElement>(of: Element, selector: string): T {
  const found = of.querySelector<T>(selector);
  if (found === null) throw new Error(`The upload page has no ${selector}.`);
  return found;
}

mount<HTMLElement>("[data-upload]", (root) => new Uploader(root));
