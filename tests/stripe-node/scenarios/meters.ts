// Meters: usage is reported once, seen a little later, taken back within a day, and summed by hour and by day.
import { assert, base, check, eventually, isSandbox, key, refusal, stripe } from '../harness.js';
import { newCustomer } from '../shop.js';

const name = `runs_${Date.now()}`;
const meter = await stripe.billing.meters.create({
  display_name: 'Runs', event_name: name, default_aggregation: { formula: 'sum' }, customer_mapping: { type: 'by_id', event_payload_key: 'stripe_customer_id' }, value_settings: { event_payload_key: 'value' },
});
const customer = await newCustomer();
const now = Math.floor(Date.now() / 1000);
const hour = Math.floor(now / 3600) * 3600;
const report = (identifier: string, value: number | string, timestamp = now, whose = customer.id, event = name) =>
  stripe.billing.meterEvents.create({ event_name: event, identifier: `${name}:${identifier}`, timestamp, payload: { stripe_customer_id: whose, value: String(value) } });
const total = async (from = hour - 86_400, to = hour + 3600) =>
  (await stripe.billing.meters.listEventSummaries(meter.id, { customer: customer.id, start_time: from, end_time: to })).data.reduce((sum, s) => sum + s.aggregated_value, 0);

await check('an event name belongs to one active meter, whose name alone can change', 'sandbox-only', async () => {
  assert.equal((await refusal(stripe.billing.meters.create({ display_name: 'Other', event_name: name, default_aggregation: { formula: 'count' } }))).statusCode, 400);
  assert.equal((await stripe.billing.meters.update(meter.id, { display_name: 'Workflow runs' })).display_name, 'Workflow runs');
  assert.ok((await stripe.billing.meters.list({ status: 'active', limit: 100 })).data.some((m) => m.id === meter.id));
});

await check('usage is counted once per identifier, and seen soon', 'sandbox-only', async () => {
  assert.equal((await report('a', 3)).identifier, `${name}:a`);
  assert.equal((await refusal(report('a', 3))).statusCode, 400);
  await report('b', 4, hour - 7200);
  await eventually('the usage', async () => (await total()) === 7 || undefined, 60_000);
});

await check('what is too old, too early or not whole is refused', 'sandbox-only', async () => {
  for (const wrong of [() => report('c', 1, now - 36 * 86_400), () => report('d', 1, now + 900), () => report('e', '1.5')]) assert.equal((await refusal(wrong())).statusCode, 400);
});

await check('summaries group by hour, newest first, with aligned bounds', 'sandbox-only', async () => {
  const hours = await stripe.billing.meters.listEventSummaries(meter.id, { customer: customer.id, start_time: hour - 10_800, end_time: hour + 3600, value_grouping_window: 'hour' });
  assert.deepEqual(hours.data.map((s) => [s.start_time, s.aggregated_value]), [[hour, 3], [hour - 7200, 4]]);
  assert.equal((await refusal(stripe.billing.meters.listEventSummaries(meter.id, { customer: customer.id, start_time: hour + 1, end_time: hour + 3600, value_grouping_window: 'hour' }))).statusCode, 400);
});

await check('an event is taken back within a day', 'sandbox-only', async () => {
  const adjusted = await stripe.billing.meterEventAdjustments.create({ event_name: name, type: 'cancel', cancel: { identifier: `${name}:a` } });
  assert.equal(adjusted.type, 'cancel');
  await eventually('the correction', async () => (await total()) === 4 || undefined, 60_000);
});

await check('usage of nobody is accepted, and found wrong later', 'sandbox-only', async () => {
  await report('f', 1, now, 'cus_none');
  await report('g', 1, now, customer.id, `${name}_unknown`);
  if (!isSandbox) return;
  const errors = await (await fetch(new URL('/_sandbox/meter-errors', base), { headers: { Authorization: `Bearer ${key}` } })).json() as { data: { error: string }[] };
  assert.deepEqual(errors.data.map((e) => e.error).sort(), ['meter_event_customer_not_found', 'no_meter']);
});

await check('put away, a meter frees its event name', 'sandbox-only', async () => {
  assert.equal((await stripe.billing.meters.deactivate(meter.id)).status, 'inactive');
  const next = await stripe.billing.meters.create({ display_name: 'Runs 2', event_name: name, default_aggregation: { formula: 'count' } });
  assert.equal((await stripe.billing.meters.deactivate(next.id)).status, 'inactive');
  assert.equal((await stripe.billing.meters.reactivate(meter.id)).status, 'active');
  await stripe.billing.meters.deactivate(meter.id);
});
