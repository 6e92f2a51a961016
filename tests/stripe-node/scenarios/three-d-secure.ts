// Cards whose bank asks the cardholder. Answering needs the sandbox's challenge page, so that part runs against the sandbox only.
import { assert, base, check, isSandbox, Stripe, stripe } from '../harness.js';

const customer = await stripe.customers.create();
const returnUrl = 'https://shop.example/cards/done?org=1';

const waiting = (how: Partial<Stripe.SetupIntentCreateParams>) => stripe.setupIntents.create({
  customer: customer.id, payment_method: 'pm_card_authenticationRequiredOnSetup', confirm: true, ...how,
});

await check('without a browser the intent points to the bank and names the way back', 'sandbox-only', async () => {
  const intent = await waiting({ automatic_payment_methods: { enabled: true }, return_url: returnUrl });
  assert.equal(intent.status, 'requires_action');
  assert.equal(intent.next_action?.type, 'redirect_to_url');
  assert.equal(intent.next_action?.redirect_to_url?.return_url, returnUrl);
  assert.ok(URL.canParse(intent.next_action?.redirect_to_url?.url ?? ''));
});

await check('for a browser the intent says that the script shows the question', 'sandbox-only', async () => {
  const intent = await waiting({ automatic_payment_methods: { enabled: true, allow_redirects: 'never' }, use_stripe_sdk: true });
  assert.equal(intent.status, 'requires_action');
  assert.equal(intent.next_action?.type, 'use_stripe_sdk');
});

/** Follows the bank's page as a browser without script would. */
async function answer(intent: Stripe.SetupIntent, outcome: 'complete' | 'fail'): Promise<URL> {
  const page = intent.next_action?.redirect_to_url?.url ?? '';
  const shown = await fetch(page);
  assert.equal(shown.status, 200);
  assert.match(await shown.text(), /Complete authentication/);
  const done = await fetch(page, { method: 'POST', body: new URLSearchParams({ outcome }), redirect: 'manual' });
  assert.equal(done.status, 303);
  return new URL(done.headers.get('location') ?? '', base);
}

if (isSandbox) {
  await check('a completed challenge saves the card and leads back with the intent', 'sandbox-only', async () => {
    const intent = await waiting({ automatic_payment_methods: { enabled: true }, return_url: returnUrl });
    const back = await answer(intent, 'complete');
    assert.equal(back.origin + back.pathname, 'https://shop.example/cards/done');
    assert.equal(back.searchParams.get('org'), '1');
    assert.equal(back.searchParams.get('setup_intent'), intent.id);
    assert.equal(back.searchParams.get('setup_intent_client_secret'), intent.client_secret);
    assert.equal(back.searchParams.get('redirect_status'), 'succeeded');
    const done = await stripe.setupIntents.retrieve(intent.id, { expand: ['latest_attempt', 'payment_method'] });
    assert.equal(done.status, 'succeeded');
    assert.equal((done.payment_method as Stripe.PaymentMethod).customer, customer.id);
    assert.equal((done.latest_attempt as Stripe.SetupAttempt).payment_method_details.card?.three_d_secure?.result, 'authenticated');
  });

  await check('a failed challenge saves nothing and says why', 'sandbox-only', async () => {
    const intent = await waiting({ automatic_payment_methods: { enabled: true }, return_url: returnUrl });
    const back = await answer(intent, 'fail');
    assert.equal(back.searchParams.get('redirect_status'), 'failed');
    const failed = await stripe.setupIntents.retrieve(intent.id);
    assert.equal(failed.status, 'requires_payment_method');
    assert.equal(failed.last_setup_error?.code, 'setup_intent_authentication_failure');
    assert.equal(failed.next_action, null);
  });

  await check('a question is answered once', 'sandbox-only', async () => {
    const intent = await waiting({ automatic_payment_methods: { enabled: true }, return_url: returnUrl });
    await answer(intent, 'fail');
    const again = await fetch(intent.next_action?.redirect_to_url?.url ?? '', { method: 'POST', body: new URLSearchParams({ outcome: 'complete' }), redirect: 'manual' });
    assert.equal(again.status, 409);
    assert.equal((await stripe.setupIntents.retrieve(intent.id)).status, 'requires_payment_method');
  });

  await check('authenticated, then declined: the card is not saved', 'sandbox-only', async () => {
    const intent = await waiting({ payment_method: 'pm_card_threeDSecureRequiredChargeDeclined', automatic_payment_methods: { enabled: true }, return_url: returnUrl });
    const back = await answer(intent, 'complete');
    assert.equal(back.searchParams.get('redirect_status'), 'failed');
    assert.equal((await stripe.setupIntents.retrieve(intent.id)).last_setup_error?.code, 'card_declined');
  });
}

await stripe.customers.del(customer.id);
