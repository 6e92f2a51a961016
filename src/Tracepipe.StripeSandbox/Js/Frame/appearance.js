// The host page's theme, carried into the frame as custom properties. Set through the DOM: the frame's own CSP has no inline styles.

/** @type {Record<string, Record<string, string>>} */
const themes = {
  stripe: { colorPrimary: '#27606b', colorBackground: '#ffffff', colorText: '#20282c', colorDanger: '#b3261e' },
  flat: { colorPrimary: '#27606b', colorBackground: '#f0f2f3', colorText: '#20282c', colorDanger: '#b3261e' },
  night: { colorPrimary: '#7cc4cf', colorBackground: '#23292c', colorText: '#eef2f3', colorDanger: '#ff9b91' },
};
const colours = ['colorPrimary', 'colorBackground', 'colorText', 'colorDanger', 'colorTextSecondary', 'colorTextPlaceholder'];
/** @type {Record<string, string>} Variable → the property whose syntax it must have. */
const measures = {
  fontFamily: 'font-family', fontSizeBase: 'font-size', fontWeightNormal: 'font-weight', fontWeightMedium: 'font-weight',
  borderRadius: 'border-radius', spacingUnit: 'width', gridRowSpacing: 'row-gap', gridColumnSpacing: 'column-gap',
};

/**
 * @param {{theme?: string, variables?: Record<string, string>}} appearance
 * @param {string | undefined} backdrop What lies behind the frame; painted again here, so that contrast can be judged inside it.
 * @returns {'light' | 'dark'} The scheme that browser-drawn parts must follow.
 */
export function applyAppearance({ theme = 'stripe', variables = {} }, backdrop) {
  const root = document.documentElement;
  const wanted = { ...themes[theme], ...variables };
  for (const name of [...colours, ...Object.keys(measures)]) {
    const value = wanted[name];
    const fits = value !== undefined && CSS.supports(measures[name] ?? 'color', value) && !/url\s*\(/i.test(value);
    if (fits) root.style.setProperty(`--${name}`, value);
    else root.style.removeProperty(`--${name}`);
    if (value !== undefined && !fits) console.warn(`appearance.variables.${name}: "${value}" is not understood`);
  }
  for (const name of Object.keys(variables)) {
    if (!colours.includes(name) && !(name in measures)) console.warn(`appearance.variables.${name}: the sandbox does not draw this`);
  }
  root.dataset.theme = theme;
  document.body.style.backgroundColor = backdrop ?? '';
  const scheme = theme === 'night' || lightness(getComputedStyle(root).getPropertyValue('--colorBackground')) < 0.4 ? 'dark' : 'light';
  root.style.colorScheme = scheme;
  return scheme;
}

/** Perceived lightness of a CSS colour, 0 to 1. @param {string} colour */
function lightness(colour) {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d');
  if (!canvas) return 1;
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  const [red = 255, green = 255, blue = 255] = canvas.getImageData(0, 0, 1, 1).data;
  return (0.299 * red + 0.587 * green + 0.114 * blue) / 255;
}
