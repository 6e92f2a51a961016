// The card form. It reads the card, says at the field what is wrong with it, and sends it to the sandbox; the page around it
// learns only whether the form is complete and what became of the intent.
import { confirm, createPaymentMethod, retrieve } from './api.js';
import { applyAppearance } from './appearance.js';
import { brandOf, cvcProblem, digitsOf, expiryProblem, formatExpiry, formatNumber, numberProblem, readExpiry } from './card.js';
import { listen, reportHeight, tell, tellHeight } from './channel.js';

/** @param {string} id @returns {any} */
const part = (id) => document.getElementById(id);
/** @type {HTMLFormElement} */ const form = part('card');
/** @type {HTMLInputElement} */ const number = part('number');
/** @type {HTMLInputElement} */ const expiry = part('expiry');
/** @type {HTMLInputElement} */ const cvc = part('cvc');
/** @type {HTMLButtonElement} */ const expand = part('expand');
const fields = [number, expiry, cvc];

/** @typedef {import('./card.js').Problem} Problem */
/** @param {HTMLInputElement} field @returns {Problem | undefined} */
function problemOf(field) {
  if (field === number) return numberProblem(number.value);
  if (field === expiry) return expiryProblem(expiry.value, new Date());
  return cvcProblem(cvc.value, number.value);
}

/** @param {HTMLInputElement} field @param {Problem | undefined} problem */
function show(field, problem) {
  const message = part(`${field.id}-error`);
  message.textContent = problem?.message ?? '';
  if (problem) {
    field.setAttribute('aria-invalid', 'true');
    field.setAttribute('aria-describedby', message.id);
  } else {
    field.removeAttribute('aria-invalid');
    field.removeAttribute('aria-describedby');
  }
}

/** @returns {{error?: {type: 'validation_error'} & Problem}} */
function validate() {
  const wrong = fields.map((field) => ({ field, problem: problemOf(field) }));
  for (const { field, problem } of wrong) show(field, problem);
  const first = wrong.find(({ problem }) => problem);
  if (!first?.problem) return {};
  setCollapsed(false);
  first.field.focus();
  return { error: { type: 'validation_error', ...first.problem } };
}

const card = () => {
  const { month, year } = readExpiry(expiry.value);
  return { number: digitsOf(number.value), exp_month: month, exp_year: year, cvc: digitsOf(cvc.value) };
};

/** A refusal that is about one field stands at that field too. @type {Record<string, HTMLInputElement>} */
const fieldOf = { number, exp_month: expiry, exp_year: expiry, cvc };

/** @template {{error?: any}} T @param {T} answer @returns {T} */
function showRefusal(answer) {
  const field = fieldOf[answer.error?.param];
  if (field) show(field, answer.error);
  return answer;
}

let lastChange = '';
function reportChange() {
  const empty = fields.every((field) => field.value === '');
  const complete = fields.every((field) => !problemOf(field));
  const change = { empty, complete, collapsed: form.hidden, value: { type: 'card' } };
  const text = JSON.stringify(change);
  if (text !== lastChange) tell('change', change);
  lastChange = text;
}

/** Formats what was typed and keeps the caret after the same digit. @param {HTMLInputElement} field @param {string} text */
function rewrite(field, text) {
  const before = digitsOf(field.value.slice(0, field.selectionStart ?? 0)).length;
  const atEnd = field.selectionStart === field.value.length;
  const padded = digitsOf(text).length - digitsOf(field.value).length;
  if (text === field.value) return;
  field.value = text;
  let at = 0;
  for (let seen = 0; at < text.length && seen < before + Math.max(padded, 0); at++) if (/\d/.test(text[at] ?? '')) seen++;
  const caret = atEnd ? text.length : at;
  if (document.activeElement === field) field.setSelectionRange(caret, caret);
}

/** @param {HTMLInputElement} field @param {boolean} deleting */
function typed(field, deleting) {
  if (field === number) rewrite(field, formatNumber(field.value));
  else if (field === expiry) rewrite(field, formatExpiry(field.value, deleting));
  else rewrite(field, digitsOf(field.value).slice(0, brandOf(digitsOf(number.value)).cvc));
  if (field === number) {
    const brand = brandOf(digitsOf(number.value));
    part('brand').textContent = brand.name;
    cvc.maxLength = brand.cvc;
    cvc.placeholder = '1234'.slice(0, brand.cvc);
  }
  // A message goes away with its reason; it does not come while the person is still typing.
  for (const one of fields) if (one.ariaInvalid === 'true') show(one, one === field || one === cvc ? problemOf(one) : { code: '', message: part(`${one.id}-error`).textContent });
  reportChange();
}

/** @param {boolean} collapsed */
function setCollapsed(collapsed) {
  form.hidden = collapsed;
  expand.hidden = !collapsed;
}

/** @param {any} settings */
function configure({ intent, mode, appearance, backdrop, element }) {
  tell('scheme', applyAppearance(appearance, backdrop));
  const saves = mode === 'setup' || intent?.kind === 'setup_intent';
  const terms = element.terms?.card ?? 'auto';
  part('terms').hidden = terms === 'never' || !(saves || terms === 'always');
  part('merchant').textContent = element.business?.name ?? 'this shop';
  for (const field of fields) field.disabled = element.readOnly === true;
  billing = element.defaultValues?.billingDetails;
}

/** @type {Record<string, any> | undefined} */
let billing;
/** @param {Record<string, any>} params @returns {Record<string, any>} */
const withBilling = (params) => {
  const details = { ...billing, ...params.payment_method_data?.billing_details };
  return { ...params, payment_method_data: { ...params.payment_method_data, ...(Object.keys(details).length > 0 && { billing_details: details }) } };
};

for (const field of fields) {
  field.addEventListener('input', (event) => typed(field, /** @type {InputEvent} */ (event).inputType?.startsWith('delete') ?? false));
  // Only on the way to another field: a message that pushes the page's button away under the pointer would swallow its click.
  field.addEventListener('blur', (event) => { if (field.value !== '' && event.relatedTarget) show(field, problemOf(field)); });
}
form.addEventListener('submit', (event) => event.preventDefault());
form.addEventListener('keydown', (event) => { if (event.key === 'Enter') event.preventDefault(); });
document.addEventListener('keydown', (event) => { if (event.key === 'Escape') tell('escape'); });
window.addEventListener('focus', () => tell('focus'));
window.addEventListener('blur', () => tell('blur'));
expand.addEventListener('click', () => { setCollapsed(false); number.focus(); reportChange(); });

listen({
  /** @param {any} settings */
  async load(settings) {
    configure(settings);
    setCollapsed(settings.element.layout?.defaultCollapsed === true);
    const { error, intent } = settings.intent ? await retrieve({ key: settings.key, ...settings.intent }) : {};
    const closed = intent && ['succeeded', 'canceled', 'processing'].includes(intent.status);
    const problem = error ?? (closed && { type: 'invalid_request_error', code: `${intent.object}_unexpected_state`, message: `This ${intent.object.replace('_', ' ')} is ${intent.status} already.` });
    part('loading').hidden = true;
    part('failed').hidden = !problem;
    part('reason').textContent = problem?.message ?? '';
    part('main').hidden = Boolean(problem);
    tellHeight(); // before it counts as ready: nothing moves under a pointer any more
    return problem ? { error: problem } : {};
  },
  update: configure,
  submit: () => {
    const { error } = validate();
    return error ? { error } : { selectedPaymentMethod: 'card' };
  },
  /** @param {any} input */
  async confirm(input) {
    const { error } = validate();
    return error ? { error } : showRefusal(await confirm({ ...input, params: withBilling(input.params) }, card()));
  },
  /** @param {any} input */
  async create({ key, params }) {
    const { error } = validate();
    if (error) return { error };
    const { payment_method_data: data } = withBilling({ payment_method_data: params });
    return showRefusal(await createPaymentMethod({ key, params: data }, card()));
  },
  focus: () => { setCollapsed(false); number.focus(); },
  blur: () => { for (const field of fields) field.blur(); },
  clear: () => {
    for (const field of fields) { field.value = ''; show(field, undefined); }
    part('brand').textContent = '';
    reportChange();
  },
  collapse: () => { setCollapsed(true); reportChange(); },
});
reportHeight();
