// A renewal that cannot be collected: tried again after 1, 3, 5 and 8 days, then unpaid; paid in time, all is forgiven.
// The days are those of the sandbox's settings; a Stripe account must be set to the same to pass.
import { assert, check, refusal, Stripe, stripe } from '../harness.js';
import { adds, Clocked, plan, useCard } from '../shop.js';

const pro = await plan('Pro', 7900);
const day = 86_400;

async function failing(card = 'pm_card_chargeCustomerFail'): Promise<{ world: Clocked; id: string; renewal: number }> {
  const world = await Clocked.create('pm_card_visa');
  const made = await stripe.subscriptions.create({ customer: world.customer, items: [{ price: pro.id }], billing_mode: { type: 'flexible' } });
  await useCard(world.customer, card);
  return { world, id: made.id, renewal: made.items.data[0]!.current_period_end + 3600 };
}

async function look(id: string): Promise<{ status: Stripe.Subscription.Status; invoice: Stripe.Invoice }> {
  const now = await stripe.subscriptions.retrieve(id, { expand: ['latest_invoice'] });
  assert.ok(now.latest_invoice !== null && typeof now.latest_invoice === 'object');
  adds(now.latest_invoice);
  return { status: now.status, invoice: now.latest_invoice };
}

await check('tried on its days, then unpaid', 'sandbox-only', async () => {
  const { world, id, renewal } = await failing();
  for (const [after, next, attempts] of [[0, 1, 1], [1, 3, 2], [3, 5, 3], [5, 8, 4]] as const) {
    await world.advanceTo(renewal + after * day + 120);
    const { status, invoice } = await look(id);
    assert.deepEqual([status, invoice.status, invoice.attempt_count, invoice.next_payment_attempt], ['past_due', 'open', attempts, renewal + next * day]);
  }
  const customer = await stripe.customers.retrieve(world.customer);
  assert.ok(!customer.deleted && customer.delinquent);
  await world.advanceTo(renewal + 8 * day + 120);
  const { status, invoice } = await look(id);
  assert.deepEqual([status, invoice.status, invoice.attempt_count, invoice.next_payment_attempt], ['unpaid', 'open', 5, null]);
  const failed = await stripe.events.list({ type: 'invoice.payment_failed', limit: 10 });
  assert.equal(failed.data.filter((e) => (e.data.object as Stripe.Invoice).id === invoice.id).length, 5);
  assert.equal((await refusal(stripe.invoices.pay(invoice.id!))).code, 'card_declined');
  const card = await useCard(world.customer);
  assert.equal((await stripe.invoices.pay(invoice.id!, { payment_method: card.id, off_session: false })).status, 'paid');
  assert.equal((await stripe.subscriptions.retrieve(id)).status, 'active');
  await world.remove();
});

await check('with a new card the next try succeeds, and everything is as before', 'sandbox-only', async () => {
  const { world, id, renewal } = await failing();
  await world.advanceTo(renewal + 120);
  await useCard(world.customer);
  assert.equal((await look(id)).status, 'past_due');
  await world.advanceTo(renewal + day + 120);
  const { status, invoice } = await look(id);
  assert.deepEqual([status, invoice.status], ['active', 'paid']);
  const customer = await stripe.customers.retrieve(world.customer);
  assert.ok(!customer.deleted && !customer.delinquent);
  await world.remove();
});

await check('a bank that wants to ask is told of as an action of the customer', 'sandbox-only', async () => {
  const { world, id, renewal } = await failing('pm_card_authenticationRequired');
  await world.advanceTo(renewal + 120);
  const { status, invoice } = await look(id);
  assert.deepEqual([status, invoice.status], ['past_due', 'open']);
  const told = await stripe.events.list({ type: 'invoice.payment_action_required', limit: 5 });
  assert.ok(told.data.some((e) => (e.data.object as Stripe.Invoice).id === invoice.id));
  await world.remove();
});
