// The calls that our own client makes in WireEqualityTests, made by the official one, in the same order. A proxy in between writes down both.
import { connect } from '../harness.js';
import { idOf } from '../shop.js';

// With retries switched on it gives every write an idempotency key, as ours always does.
const stripe = connect({ maxNetworkRetries: 2 });
const at = 1_769_855_400;
const metadata = { org_id: 'org_1' };

const clock = await stripe.testHelpers.testClocks.create({ frozen_time: at, name: 'wire' });
const customer = (await stripe.customers.create({ email: 'ada@example.com', name: 'Ada & Co. / Zoë', metadata, test_clock: clock.id })).id;
const intent = await stripe.setupIntents.create({ customer, usage: 'off_session', automatic_payment_methods: { enabled: true, allow_redirects: 'never' }, metadata });
await stripe.setupIntents.confirm(intent.id, { payment_method: 'pm_card_visa' });
const card = (await stripe.customers.listPaymentMethods(customer, { limit: 10 })).data[0]!.id;
await stripe.customers.update(customer, { name: '', metadata: { org_id: '' }, invoice_settings: { default_payment_method: card } });
await stripe.customers.retrieve(customer, { expand: ['invoice_settings.default_payment_method'] });

const product = (await stripe.products.create({ name: 'Pro', metadata: { tier: 'pro' } })).id;
const pro = (await stripe.prices.create({ product, currency: 'usd', unit_amount: 7900, recurring: { interval: 'month' }, lookup_key: 'pro_monthly', transfer_lookup_key: true })).id;
const team = (await stripe.prices.create({ product, currency: 'usd', unit_amount: 19900, recurring: { interval: 'month' } })).id;
await stripe.prices.list({ lookup_keys: ['pro_monthly', 'team_monthly'], active: true });
const coupon = (await stripe.coupons.create({ percent_off: 20, duration: 'once' })).id;
await stripe.promotionCodes.create({ promotion: { type: 'coupon', coupon }, code: 'WIRE', max_redemptions: 1 });

const session = await stripe.checkout.sessions.create({
  mode: 'subscription', ui_mode: 'hosted_page', customer, client_reference_id: 'org_1', line_items: [{ price: pro, quantity: 1 }], allow_promotion_codes: true,
  success_url: 'https://app.example/billing/success?session_id={CHECKOUT_SESSION_ID}', cancel_url: 'https://app.example/billing/cancel', metadata,
  subscription_data: { metadata, billing_mode: { type: 'flexible' } },
});
await stripe.checkout.sessions.retrieve(session.id, { expand: ['line_items', 'subscription'] });
await stripe.checkout.sessions.expire(session.id);
await stripe.checkout.sessions.create({
  mode: 'payment', customer, line_items: [{ price_data: { currency: 'usd', unit_amount: 1999, product_data: { name: 'Credits' } }, quantity: 1 }],
  success_url: 'https://app.example/ok', cancel_url: 'https://app.example/no', invoice_creation: { enabled: true }, payment_intent_data: { metadata, setup_future_usage: 'off_session' },
});

const configuration = (await stripe.billingPortal.configurations.create({
  default_return_url: 'https://app.example/settings/billing',
  features: {
    customer_update: { enabled: true, allowed_updates: ['name', 'email'] }, invoice_history: { enabled: true }, payment_method_update: { enabled: true },
    subscription_cancel: { enabled: true, mode: 'at_period_end', cancellation_reason: { enabled: true, options: ['too_expensive', 'other'] } },
  },
})).id;
await stripe.billingPortal.sessions.create({ customer, configuration, return_url: 'https://app.example/back' });

const made = await stripe.subscriptions.create({ customer, items: [{ price: pro, quantity: 1 }], billing_mode: { type: 'flexible' }, payment_behavior: 'error_if_incomplete', metadata });
const item = made.items.data[0]!.id;
const change = { items: [{ id: item, price: team, quantity: 1 }], proration_behavior: 'always_invoice' as const, proration_date: at };
await stripe.invoices.createPreview({ customer, subscription: made.id, subscription_details: change });
await stripe.subscriptions.update(made.id, { ...change, payment_behavior: 'pending_if_incomplete', expand: ['latest_invoice.payments'] });
await stripe.subscriptions.update(made.id, { cancel_at_period_end: true, cancellation_details: { feedback: 'too_expensive', comment: 'see you' } });
await stripe.subscriptions.update(made.id, { cancel_at_period_end: false, cancel_at: '' });
const schedule = await stripe.subscriptionSchedules.create({ from_subscription: made.id });
const current = schedule.phases[0]!;
await stripe.subscriptionSchedules.update(schedule.id, {
  end_behavior: 'release',
  phases: [
    { start_date: current.start_date, end_date: current.end_date, items: [{ price: team, quantity: 1 }] },
    { items: [{ price: pro, quantity: 1 }], duration: { interval: 'month', interval_count: 1 }, proration_behavior: 'none' },
  ],
});
await stripe.subscriptionSchedules.release(schedule.id);
await stripe.subscriptions.list({ customer, status: 'all', limit: 100 });
await stripe.subscriptions.cancel(made.id, { prorate: false, invoice_now: false });

const invoice = (await stripe.invoices.create({ customer, currency: 'usd', number: 'INV-2026-000123', pending_invoice_items_behavior: 'exclude', auto_advance: false, metadata })).id!;
await stripe.invoiceItems.create({ customer, invoice, amount: 4500, currency: 'usd', description: 'Workflows, 4 × $10.00', period: { start: at, end: at + 86_400 } });
await stripe.invoices.retrieve(invoice);
await stripe.invoices.finalizeInvoice(invoice, { auto_advance: false });
await stripe.invoices.pay(invoice, { off_session: true });
const payment = (await stripe.invoicePayments.list({ invoice })).data[0]!;
const paid = idOf(payment.payment.payment_intent);
await stripe.creditNotes.create({ invoice, amount: 500, refund_amount: 500, reason: 'duplicate' });
await stripe.refunds.create({ payment_intent: paid, amount: 1000, reason: 'requested_by_customer', metadata: { request: '1' } });
await stripe.charges.list({ customer, limit: 5 });

const meter = (await stripe.billing.meters.create({
  display_name: 'Workflows', event_name: 'workflows', default_aggregation: { formula: 'sum' }, customer_mapping: { type: 'by_id', event_payload_key: 'stripe_customer_id' }, value_settings: { event_payload_key: 'value' },
})).id;
await stripe.billing.meterEvents.create({ event_name: 'workflows', identifier: 'org_1:workflow:1:0', timestamp: at, payload: { stripe_customer_id: customer, value: '7' } });
await stripe.billing.meters.listEventSummaries(meter, { customer, start_time: at - (at % 3600), end_time: at - (at % 3600) + 7200, value_grouping_window: 'hour' });

await stripe.webhookEndpoints.create({ url: 'https://app.example/webhooks/stripe', enabled_events: ['invoice.paid', 'customer.updated'], api_version: '2026-07-29.dahlia' });
await stripe.events.list({ created: { gte: at }, types: ['invoice.paid', 'customer.subscription.deleted'], limit: 100 });
await stripe.testHelpers.testClocks.advance(clock.id, { frozen_time: at + 86_400 });
