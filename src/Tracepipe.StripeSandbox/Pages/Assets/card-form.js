// What a hosted form gains from script: grouping while typing, messages before anything is sent, and one submission per click.
import { brandOf, cvcProblem, digitsOf, expiryProblem, formatExpiry, formatNumber, numberProblem } from '/elements/card.js';

/** @typedef {import('../../Js/Frame/card.js').Problem} Problem */

for (const form of document.querySelectorAll('form')) {
  if (form.method === 'post') form.addEventListener('submit', (event) => { if (!event.defaultPrevented) setTimeout(() => lock(form)); });
  if (form.querySelector('[data-card-fields]')) watchCard(form);
}

/** A second click must not pay twice. @param {HTMLFormElement} form */
function lock(form) {
  for (const button of form.querySelectorAll('button')) button.disabled = true;
}

// A page that comes back from the browser's cache must be usable again.
window.addEventListener('pageshow', () => { for (const button of document.querySelectorAll('button')) button.disabled = false; });

/** @param {HTMLFormElement} form */
function watchCard(form) {
  /** @param {string} name */
  const field = (name) => /** @type {HTMLInputElement} */ (form.elements.namedItem(name));
  const [number, expiry, cvc] = [field('number'), field('expiry'), field('cvc')];
  /** @type {[HTMLInputElement, () => Problem | undefined][]} */
  const checks = [[number, () => numberProblem(number.value)], [expiry, () => expiryProblem(expiry.value, new Date())], [cvc, () => cvcProblem(cvc.value, number.value)]];
  for (const [input, problem] of checks) {
    input.addEventListener('input', (event) => {
      const deleting = /** @type {InputEvent} */ (event).inputType?.startsWith('delete') ?? false;
      const atEnd = input.selectionStart === input.value.length;
      const text = input === number ? formatNumber(input.value) : input === expiry ? formatExpiry(input.value, deleting) : digitsOf(input.value).slice(0, brandOf(digitsOf(number.value)).cvc);
      if (atEnd || digitsOf(text) !== digitsOf(input.value)) input.value = text;
      if (input.ariaInvalid === 'true') show(input, problem());
    });
    input.addEventListener('blur', (event) => { if (input.value !== '' && event.relatedTarget instanceof HTMLInputElement) show(input, problem()); });
  }
  form.addEventListener('submit', (event) => {
    const method = new FormData(form).get('method');
    if (method !== null && method !== 'card') return;
    const wrong = checks.filter(([input, problem]) => { const found = problem(); show(input, found); return found; });
    if (wrong.length === 0) return;
    event.preventDefault();
    wrong[0]?.[0].focus();
  });
}

/** @param {HTMLInputElement} input @param {Problem | undefined} problem */
function show(input, problem) {
  const message = /** @type {HTMLElement} */ (document.getElementById(`${input.id}-error`));
  message.textContent = problem?.message ?? '';
  message.hidden = !problem;
  if (problem) {
    input.setAttribute('aria-invalid', 'true');
    input.setAttribute('aria-describedby', message.id);
  } else {
    input.removeAttribute('aria-invalid');
    input.removeAttribute('aria-describedby');
  }
}
