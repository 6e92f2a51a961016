// Test clocks: time passes for their customers alone, and a year of a subscription adds up.
import { assert, check, refusal, stripe } from '../harness.js';
import { adds, Clocked, newCustomer, plan, start } from '../shop.js';

const pro = await plan('Pro', 7900);
const world = await Clocked.create('pm_card_visa');
const made = await stripe.subscriptions.create({ customer: world.customer, items: [{ price: pro.id }], billing_mode: { type: 'flexible' } });

await check('a clock moves forwards, by two intervals at most', 'sandbox-only', async () => {
  assert.equal((await refusal(stripe.testHelpers.testClocks.advance(world.clock, { frozen_time: start - 1 }))).statusCode, 400);
  assert.equal((await refusal(stripe.testHelpers.testClocks.advance(world.clock, { frozen_time: start + 70 * 86_400 }))).statusCode, 400);
  assert.ok((await stripe.testHelpers.testClocks.list()).data.some((c) => c.id === world.clock));
});

await check('a period from the 31st is clamped and comes back', 'sandbox-only', async () => {
  const ends: string[] = [];
  for (let month = 0; month < 3; month++) {
    const end = (await stripe.subscriptions.retrieve(made.id)).items.data[0]!.current_period_end;
    ends.push(new Date(end * 1000).toISOString().slice(0, 10));
    await world.advanceTo(end + 2 * 3600);
  }
  assert.deepEqual(ends, ['2026-02-28', '2026-03-31', '2026-04-30']);
});

await check('every period is drafted at its start, and paid an hour later', 'sandbox-only', async () => {
  const end = (await stripe.subscriptions.retrieve(made.id)).items.data[0]!.current_period_end;
  await world.advanceTo(end + 60);
  const fresh = (await stripe.invoices.list({ customer: world.customer, limit: 1 })).data[0]!;
  assert.deepEqual([fresh.status, fresh.billing_reason, fresh.automatically_finalizes_at], ['draft', 'subscription_cycle', end + 3600]);
  await world.advanceTo(end + 3700);
  assert.equal((await stripe.invoices.retrieve(fresh.id!)).status, 'paid');
  assert.ok((await stripe.events.list({ type: 'invoice.upcoming', limit: 1 })).data.length === 1);
});

await check('a year has thirteen invoices without a gap, and every cent is a charge', 'sandbox-only', async () => {
  for (;;) {
    const invoices = await stripe.invoices.list({ customer: world.customer, limit: 100 });
    if (invoices.data.length === 13) {
      const lines = invoices.data.map((i) => i.lines.data[0]!.period).sort((a, b) => a.start - b.start);
      for (let n = 1; n < lines.length; n++) assert.equal(lines[n]!.start, lines[n - 1]!.end);
      invoices.data.forEach(adds);
      assert.equal(new Set(invoices.data.map((i) => i.number)).size, 13);
      const charged = (await stripe.charges.list({ customer: world.customer, limit: 100 })).data.filter((c) => c.status === 'succeeded');
      assert.equal(charged.reduce((sum, c) => sum + c.amount, 0), 13 * 7900);
      return;
    }
    await world.advanceTo((await stripe.subscriptions.retrieve(made.id)).items.data[0]!.current_period_end + 2 * 3600);
  }
});

await check('nobody else grows older', 'sandbox-only', async () => {
  const outside = await newCustomer('pm_card_visa');
  const theirs = await stripe.subscriptions.create({ customer: outside.id, items: [{ price: pro.id }] });
  await world.advance(20);
  assert.equal((await stripe.invoices.list({ customer: outside.id })).data.length, 1);
  assert.ok(!(await stripe.customers.list({ test_clock: world.clock })).data.some((c) => c.id === outside.id));
  await stripe.subscriptions.cancel(theirs.id);
});

await check('a clock takes its customers along', 'sandbox-only', async () => {
  await world.remove();
  assert.equal((await stripe.customers.retrieve(world.customer)).deleted, true);
  assert.equal((await stripe.subscriptions.retrieve(made.id)).status, 'canceled');
});
