// The customer portal: what a configuration offers, and what a customer does on its pages (sandbox only).
import { assert, base, check, isSandbox, refusal, stripe } from '../harness.js';
import { idOf, newCustomer, plan, post, typed, words } from '../shop.js';

const configuration = await stripe.billingPortal.configurations.create({
  business_profile: { headline: 'Tracepipe' }, default_return_url: 'https://shop.example/settings/billing',
  features: {
    invoice_history: { enabled: true }, payment_method_update: { enabled: true }, customer_update: { enabled: true, allowed_updates: ['name', 'email'] },
    subscription_cancel: { enabled: true, mode: 'at_period_end', cancellation_reason: { enabled: true, options: ['too_expensive', 'other'] } },
  },
});

await check('a configuration says what it offers, and can be changed and found', 'sandbox-only', async () => {
  assert.equal(configuration.features.subscription_update.enabled, false);
  assert.equal(configuration.features.subscription_cancel.mode, 'at_period_end');
  const changed = await stripe.billingPortal.configurations.update(configuration.id, { metadata: { catalogue: '1' } });
  assert.deepEqual(changed.metadata, { catalogue: '1' });
  assert.ok((await stripe.billingPortal.configurations.list({ active: true })).data.some((c) => c.id === configuration.id));
});

await check('plan changes need the products that are offered', 'sandbox-only', async () => {
  const error = await refusal(stripe.billingPortal.configurations.create({ features: { subscription_update: { enabled: true, default_allowed_updates: ['price'], products: [] } } }));
  assert.equal(error.statusCode, 400);
});

const customer = await newCustomer('pm_card_visa');
const subscription = await stripe.subscriptions.create({ customer: customer.id, items: [{ price: (await plan('Pro', 7900)).id }], billing_mode: { type: 'flexible' } });
const visit = () => stripe.billingPortal.sessions.create({ customer: customer.id, configuration: configuration.id, return_url: 'https://shop.example/back' });

await check('a session is a short-lived address', 'sandbox-only', async () => {
  const session = await visit();
  assert.match(session.id, /^bps_/);
  assert.ok(URL.canParse(session.url));
  assert.equal(session.return_url, 'https://shop.example/back');
  assert.equal((await refusal(stripe.billingPortal.sessions.create({ customer: 'cus_none' }))).statusCode, 404);
});

if (isSandbox) {
  await check('its page shows plan, card, invoices and the way back', 'sandbox-only', async () => {
    const shown = words(await (await fetch((await visit()).url)).text());
    for (const text of ['Pro', '$79.00', '4242', 'Invoice history', 'Cancel plan', 'Return to the shop']) assert.ok(shown.includes(text), text);
    assert.ok(!shown.includes('Update plan'));
  });

  await check('a cancellation is planned for the end of the period, with its reason, and can be taken back', 'sandbox-only', async () => {
    const { url } = await visit();
    assert.equal((await post(`${url}/cancel/${subscription.id}`, { feedback: 'too_expensive', comment: 'see you' })).status, 303);
    const canceling = await stripe.subscriptions.retrieve(subscription.id);
    assert.equal(canceling.status, 'active');
    assert.equal(canceling.cancel_at, canceling.items.data[0]?.current_period_end);
    assert.deepEqual([canceling.cancellation_details?.feedback, canceling.cancellation_details?.comment], ['too_expensive', 'see you']);
    assert.equal((await post(`${url}/keep/${subscription.id}`, {})).status, 303);
    const kept = await stripe.subscriptions.retrieve(subscription.id);
    assert.deepEqual([kept.cancel_at, kept.cancel_at_period_end], [null, false]);
  });

  await check('a card is added, made default, and the old one removed; the last one stays', 'sandbox-only', async () => {
    const { url } = await visit();
    const before = (await stripe.customers.listPaymentMethods(customer.id)).data[0]!;
    assert.equal((await post(`${url}/card`, typed('5555555555554444'))).status, 303);
    const added = (await stripe.customers.listPaymentMethods(customer.id)).data.find((m) => m.card?.last4 === '4444')!;
    await post(`${url}/methods/${added.id}/default`, {});
    const settings = await stripe.customers.retrieve(customer.id);
    assert.ok(!settings.deleted);
    assert.equal(idOf(settings.invoice_settings.default_payment_method), added.id);
    await post(`${url}/methods/${before.id}/remove`, {});
    assert.equal((await post(`${url}/methods/${added.id}/remove`, {})).status, 422);
    assert.deepEqual((await stripe.customers.listPaymentMethods(customer.id)).data.map((m) => m.id), [added.id]);
  });

  await check('details change as far as the configuration allows, and another customer\'s things are not there', 'sandbox-only', async () => {
    const { url } = await visit();
    await post(`${url}/details`, { name: 'Ada King', email: 'king@example.com', phone: '+1 555 0100' });
    const changed = await stripe.customers.retrieve(customer.id);
    assert.ok(!changed.deleted);
    assert.deepEqual([changed.name, changed.email, changed.phone], ['Ada King', 'king@example.com', null]);
    const stranger = await newCustomer('pm_card_visa');
    const theirs = await stripe.subscriptions.create({ customer: stranger.id, items: [{ price: idOf(subscription.items.data[0]?.price) }] });
    assert.ok((await post(`${url}/cancel/${theirs.id}`, {})).status >= 400);
    assert.equal((await stripe.subscriptions.retrieve(theirs.id)).cancel_at, null);
    assert.equal((await fetch(new URL('/p/session/guess', base))).status, 404);
  });
}

await stripe.subscriptions.cancel(subscription.id);
