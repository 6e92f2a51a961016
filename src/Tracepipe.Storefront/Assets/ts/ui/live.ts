/** Says a word to screen readers without moving anything on the page. */
export function say(text: string): void {
  const region = document.getElementById("live");
  if (region === null) return;
  region.textContent = "";
  requestAnimationFrame(() => (region.textContent = text));
}
