// A downgrade at the period's end: planned, shown, carried out, or taken back.
import { assert, check, refusal, Stripe, stripe } from '../harness.js';
import { Clocked, idOf, plan } from '../shop.js';

const [team, starter] = await Promise.all([plan('Team', 19900), plan('Starter', 2900)]);
const world = await Clocked.create('pm_card_visa');
const made = await stripe.subscriptions.create({ customer: world.customer, items: [{ price: team.id }], billing_mode: { type: 'flexible' } });
const end = made.items.data[0]!.current_period_end;

async function downgrade(): Promise<Stripe.SubscriptionSchedule> {
  const schedule = await stripe.subscriptionSchedules.create({ from_subscription: made.id });
  const current = schedule.phases[0]!;
  return stripe.subscriptionSchedules.update(schedule.id, {
    end_behavior: 'release', metadata: { tier: 'starter' },
    phases: [
      { start_date: current.start_date, end_date: current.end_date, items: current.items.map((i) => ({ price: idOf(i.price), quantity: i.quantity ?? 1 })) },
      { items: [{ price: starter.id, quantity: 1 }], duration: { interval: 'month', interval_count: 1 }, proration_behavior: 'none' },
    ],
  });
}

await check('made from a subscription, its first phase is the running period', 'sandbox-only', async () => {
  const planned = await downgrade();
  assert.equal(planned.status, 'active');
  assert.deepEqual(planned.phases.map((p) => [idOf(p.items[0]!.price), p.start_date === end]), [[team.id, false], [starter.id, true]]);
  assert.equal(idOf((await stripe.subscriptions.retrieve(made.id)).schedule), planned.id);
  assert.equal((await refusal(stripe.subscriptionSchedules.create({ from_subscription: made.id }))).statusCode, 400);
});

await check('released, everything stays as it is', 'sandbox-only', async () => {
  const running = idOf((await stripe.subscriptions.retrieve(made.id)).schedule);
  const released = await stripe.subscriptionSchedules.release(running);
  assert.deepEqual([released.status, released.released_subscription, released.subscription], ['released', made.id, null]);
  const after = await stripe.subscriptions.retrieve(made.id);
  assert.deepEqual([after.schedule, idOf(after.items.data[0]!.price)], [null, team.id]);
  assert.equal((await stripe.invoices.createPreview({ subscription: made.id })).total, 19900);
  assert.equal((await refusal(stripe.subscriptionSchedules.release(running))).statusCode, 400);
});

await check('the next invoice is shown with the plan that will hold then', 'sandbox-only', async () => {
  await downgrade();
  const next = await stripe.invoices.createPreview({ subscription: made.id });
  assert.deepEqual([next.total, next.period_end], [2900, end]);
  assert.equal(idOf((await stripe.subscriptions.retrieve(made.id)).items.data[0]!.price), team.id);
});

await check('at the period\'s end the plan changes with the renewal, without proration', 'sandbox-only', async () => {
  await world.advanceTo(end + 2 * 3600);
  const after = await stripe.subscriptions.retrieve(made.id, { expand: ['latest_invoice'] });
  assert.deepEqual([after.status, idOf(after.items.data[0]!.price), after.items.data[0]!.current_period_start], ['active', starter.id, end]);
  const invoice = after.latest_invoice;
  assert.ok(invoice !== null && typeof invoice === 'object');
  assert.deepEqual([invoice.billing_reason, invoice.amount_paid, invoice.lines.data.length], ['subscription_cycle', 2900, 1]);
});

await check('after its last phase it lets go of the subscription', 'sandbox-only', async () => {
  const id = idOf((await stripe.subscriptions.retrieve(made.id)).schedule);
  await world.advance(29);
  const done = await stripe.subscriptionSchedules.retrieve(id);
  assert.equal(done.status, 'completed');
  const after = await stripe.subscriptions.retrieve(made.id);
  assert.deepEqual([after.status, after.schedule], ['active', null]);
});

await check('a canceled schedule ends its subscription', 'sandbox-only', async () => {
  const last = await stripe.subscriptionSchedules.create({ from_subscription: made.id });
  assert.equal((await stripe.subscriptionSchedules.cancel(last.id, { invoice_now: false, prorate: false })).status, 'canceled');
  assert.equal((await stripe.subscriptions.retrieve(made.id)).status, 'canceled');
});

await world.remove();
