// The bank's question (3-D Secure), in a modal dialog over the host page. The answer travels from the dialog's frame to the
// sandbox's server; this side only learns that there is something new to fetch.

/**
 * @param {string} address The challenge page.
 * @param {boolean} dark
 * @returns {Promise<void>} Done when the question is answered or given up.
 */
function showChallenge(address, dark) {
  const target = new URL(address);
  if (target.origin !== sandboxOrigin) throw new IntegrationError(`The challenge is not a page of ${sandboxOrigin}`);
  const opener = document.activeElement;
  const dialog = document.createElement('dialog');
  dialog.ariaLabel = 'Card authentication';
  Object.assign(dialog.style, {
    position: 'fixed', inset: '0', width: '100%', height: '100%', maxWidth: '100%', maxHeight: '100%', boxSizing: 'border-box',
    margin: '0', padding: '16px', border: '0', display: 'grid', placeItems: 'center', overflow: 'auto', background: 'rgb(15 18 20 / 0.6)',
  });
  return new Promise((resolve) => {
    const scheme = dark ? 'dark' : 'light';
    const frame = new Frame(frameAddress(target.pathname, { display: 'frame', scheme }), 'Card authentication', (name, data) => {
      if (name === 'height') frame.element.style.height = `${Number(data)}px`;
      else if (name === 'cancel') giveUp();
      else if (name === 'answered') close();
    });
    Object.assign(frame.element.style, {
      display: 'block', width: '100%', maxWidth: '440px', height: '400px', border: '0', borderRadius: '14px', colorScheme: scheme,
    });
    const close = () => {
      frame.remove();
      dialog.remove();
      if (opener instanceof HTMLElement) opener.focus();
      resolve();
    };
    // Escape fails the authentication: the card is then refused with a reason, instead of an intent left hanging.
    const giveUp = () => { controller().call('refuse', { path: target.pathname }).then(close, close); };
    dialog.addEventListener('cancel', (event) => { event.preventDefault(); giveUp(); });
    dialog.addEventListener('close', giveUp);
    dialog.append(frame.element);
    document.body.append(dialog);
    dialog.showModal();
    frame.element.focus();
  });
}

/**
 * Carries out what an intent asks for next.
 * @param {string} key
 * @param {{kind: IntentKind, secret: string}} intent
 * @param {any} current The intent as last seen.
 * @param {boolean} dark
 * @returns {Promise<{intent?: any, error?: any}>}
 */
async function finishAction(key, intent, current, dark) {
  const action = current.next_action;
  if (current.status !== 'requires_action' || !action) return { intent: current };
  if (action.type === 'redirect_to_url') {
    location.assign(action.redirect_to_url.url);
    return new Promise(() => {});
  }
  if (action.type !== 'use_stripe_sdk') throw new IntegrationError(`The next action "${action.type}" is not available in the sandbox`);
  await showChallenge(action.use_stripe_sdk.stripe_js, dark);
  const { intent: after, error } = await controller().call('retrieve', { key, ...intent });
  if (error) return { error };
  const problem = after.last_setup_error ?? after.last_payment_error;
  return after.status === 'requires_payment_method' && problem ? { error: { ...problem, [intent.kind]: after } } : { intent: after };
}
