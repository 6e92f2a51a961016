// What a card number, an expiry and a CVC look like: grouping while typing, and what is wrong with them.

/** @typedef {{name: string, starts: RegExp, lengths: number[], groups: number[], cvc: number}} Brand */
/** @typedef {{code: string, message: string}} Problem */

/** @type {Brand[]} */
const brands = [
  { name: 'American Express', starts: /^3[47]/, lengths: [15], groups: [4, 6, 5], cvc: 4 },
  { name: 'Diners Club', starts: /^3(0[0-5]|[689])/, lengths: [14, 16], groups: [4, 6, 4], cvc: 3 },
  { name: 'JCB', starts: /^35/, lengths: [16], groups: [4, 4, 4, 4], cvc: 3 },
  { name: 'Discover', starts: /^(6011|64[4-9]|65)/, lengths: [16], groups: [4, 4, 4, 4], cvc: 3 },
  { name: 'UnionPay', starts: /^62/, lengths: [16, 17, 18, 19], groups: [4, 4, 4, 4, 3], cvc: 3 },
  { name: 'Mastercard', starts: /^(5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, lengths: [16], groups: [4, 4, 4, 4], cvc: 3 },
  { name: 'Visa', starts: /^4/, lengths: [16], groups: [4, 4, 4, 4], cvc: 3 },
];
/** @type {Brand} */
const unknownBrand = { name: '', starts: /^/, lengths: [16], groups: [4, 4, 4, 4], cvc: 3 };

/** @param {string} text */
export const digitsOf = (text) => text.replace(/\D/g, '');

/** @param {string} digits */
export const brandOf = (digits) => brands.find((brand) => brand.starts.test(digits)) ?? unknownBrand;

/** @param {string} text */
export function formatNumber(text) {
  const brand = brandOf(digitsOf(text));
  const digits = digitsOf(text).slice(0, Math.max(...brand.lengths));
  const groups = digits.length > 14 && brand.name === 'Diners Club' ? unknownBrand.groups : brand.groups;
  let at = 0;
  return groups.map((length) => digits.slice(at, (at += length))).filter(Boolean).join(' ');
}

/** "4" becomes "04 / ", "1227" becomes "12 / 27". @param {string} text @param {boolean} deleting */
export function formatExpiry(text, deleting) {
  const [left, right] = text.split('/');
  let digits = right !== undefined && digitsOf(left ?? '').length === 1 ? `0${digitsOf(left ?? '')}${digitsOf(right)}` : digitsOf(text);
  if (/^[2-9]/.test(digits)) digits = `0${digits}`;
  // A year of four digits is shortened once its last digit is there.
  digits = /^\d\d20\d/.test(digits) ? digits.slice(0, 6) : digits.slice(0, 4);
  if (digits.length === 6) digits = digits.slice(0, 2) + digits.slice(4);
  if (digits.length < 2 || (deleting && digits.length === 2)) return digits;
  return `${digits.slice(0, 2)} / ${digits.slice(2)}`;
}

/** @param {string} digits */
export function passesLuhn(digits) {
  let sum = 0;
  for (let place = 0; place < digits.length; place++) {
    const digit = Number(digits[digits.length - 1 - place]);
    const doubled = place % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** @param {string} text @returns {Problem | undefined} */
export function numberProblem(text) {
  const digits = digitsOf(text);
  const { lengths } = brandOf(digits);
  if (digits.length === 0) return { code: 'incomplete_number', message: 'Enter the card number.' };
  if (digits.length < Math.min(...lengths)) return { code: 'incomplete_number', message: 'The card number is too short.' };
  if (!lengths.includes(digits.length) || !passesLuhn(digits)) return { code: 'invalid_number', message: 'This is not a card number. Check the digits.' };
  return undefined;
}

/** @param {string} text */
export function readExpiry(text) {
  const digits = digitsOf(text);
  return { month: Number(digits.slice(0, 2)), year: 2000 + Number(digits.slice(2, 4)) };
}

/** @param {string} text @param {Date} today @returns {Problem | undefined} */
export function expiryProblem(text, today) {
  const digits = digitsOf(text);
  const { month, year } = readExpiry(text);
  if (digits.length === 0) return { code: 'incomplete_expiry', message: 'Enter the expiry date as month and year.' };
  if (digits.length >= 2 && (month < 1 || month > 12)) return { code: 'invalid_expiry_month', message: 'The month goes from 01 to 12.' };
  if (digits.length !== 4) return { code: 'incomplete_expiry', message: 'The expiry date needs a month and a year.' };
  if (year < today.getFullYear()) return { code: 'invalid_expiry_year_past', message: 'The expiry year is in the past.' };
  if (year === today.getFullYear() && month < today.getMonth() + 1) return { code: 'invalid_expiry_month_past', message: 'The expiry date is in the past.' };
  if (year > today.getFullYear() + 50) return { code: 'invalid_expiry_year', message: 'The expiry year is too far ahead.' };
  return undefined;
}

/** @param {string} text @param {string} number @returns {Problem | undefined} */
export function cvcProblem(text, number) {
  const length = brandOf(digitsOf(number)).cvc;
  const given = digitsOf(text).length;
  if (given === 0) return { code: 'incomplete_cvc', message: `Enter the CVC: ${length} digits ${length === 4 ? 'on the front' : 'on the back'}.` };
  if (given !== length) return { code: 'incomplete_cvc', message: `The CVC of this card has ${length} digits.` };
  return undefined;
}
