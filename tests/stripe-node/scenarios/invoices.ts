// Invoices of our own: numbered by us, drafted, filled, finalized, paid; voided, written off, credited; shown on a page and as a PDF.
import { assert, check, isSandbox, refusal, Stripe, stripe } from '../harness.js';
import { adds, idOf, newCustomer, post, typed, useCard, words } from '../shop.js';

const mark = Date.now();
let count = 0;

async function draft(customer: string, more: Partial<Stripe.InvoiceCreateParams> = {}): Promise<Stripe.Invoice> {
  return stripe.invoices.create({ customer, currency: 'usd', number: `INV-${mark}-${++count}`, pending_invoice_items_behavior: 'exclude', auto_advance: false, ...more });
}

async function open(customer: string, amount = 4500): Promise<Stripe.Invoice> {
  const made = await draft(customer);
  await stripe.invoiceItems.create({ customer, invoice: made.id!, amount, currency: 'usd', description: 'Workflows' });
  return stripe.invoices.finalizeInvoice(made.id!, { auto_advance: false });
}

const customer = await newCustomer('pm_card_visa');

await check('a draft takes what is put on it, and nothing that waits elsewhere', 'sandbox-only', async () => {
  const waiting = await stripe.invoiceItems.create({ customer: customer.id, amount: 900, currency: 'usd', description: 'waits' });
  const made = await draft(customer.id, { metadata: { org_id: 'org_1' } });
  assert.deepEqual([made.status, made.auto_advance, made.number], ['draft', false, `INV-${mark}-${count}`]);
  await stripe.invoiceItems.create({ customer: customer.id, invoice: made.id!, quantity: 4, unit_amount_decimal: Stripe.Decimal.from('1000'), currency: 'usd', description: 'Workflows' });
  const token = await stripe.invoiceItems.create({ customer: customer.id, invoice: made.id!, amount: 500, currency: 'usd', description: 'Tokens' });
  const filled = await stripe.invoices.retrieve(made.id!);
  assert.deepEqual([filled.total, filled.lines.data.map((l) => l.amount).sort((a, b) => a - b)], [4500, [500, 4000]]);
  adds(filled);
  await stripe.invoiceItems.del(token.id);
  assert.equal((await stripe.invoices.retrieve(made.id!)).total, 4000);
  assert.deepEqual((await stripe.invoiceItems.list({ customer: customer.id, pending: true })).data.map((i) => i.id), [waiting.id]);
  assert.equal((await stripe.invoices.del(made.id!)).deleted, true);
  await stripe.invoiceItems.del(waiting.id);
});

await check('our number stays through finalization and payment, and is given once', 'sandbox-only', async () => {
  const made = await open(customer.id);
  assert.deepEqual([made.status, made.number, made.amount_due], ['open', `INV-${mark}-${count}`, 4500]);
  assert.equal((await refusal(draft(customer.id, { number: made.number! }))).statusCode, 400);
  assert.equal((await refusal(stripe.invoices.update(made.id!, { number: 'other' }))).statusCode, 400);
  const paid = await stripe.invoices.pay(made.id!, { off_session: true, expand: ['payments.data.payment.payment_intent'] });
  assert.deepEqual([paid.status, paid.number, paid.amount_paid, paid.amount_remaining], ['paid', made.number, 4500, 0]);
  adds(paid);
  const intent = paid.payments?.data[0]?.payment.payment_intent;
  assert.ok(intent !== undefined && typeof intent === 'object');
  assert.equal(intent.amount_received, 4500);
  const payments = await stripe.invoicePayments.list({ payment: { type: 'payment_intent', payment_intent: intent.id } });
  assert.deepEqual(payments.data.map((p) => [idOf(p.invoice), p.status]), [[paid.id, 'paid']]);
  assert.equal((await refusal(stripe.invoices.pay(made.id!))).statusCode, 400);
});

await check('a declined payment leaves it open and says why', 'sandbox-only', async () => {
  const poor = await newCustomer('pm_card_chargeCustomerFail');
  const made = await open(poor.id);
  const error = await refusal(stripe.invoices.pay(made.id!));
  assert.ok(error instanceof Stripe.errors.StripeCardError);
  assert.equal(error.code, 'card_declined');
  const after = await stripe.invoices.retrieve(made.id!);
  assert.deepEqual([after.status, after.attempt_count, after.amount_remaining], ['open', 1, 4500]);
  const card = await useCard(poor.id);
  assert.equal((await stripe.invoices.pay(made.id!, { payment_method: card.id, off_session: false })).status, 'paid');
});

await check('a payment that the bank wants to ask about needs its owner', 'sandbox-only', async () => {
  const careful = await newCustomer('pm_card_authenticationRequired');
  const made = await open(careful.id);
  assert.equal((await refusal(stripe.invoices.pay(made.id!))).code, 'authentication_required');
  assert.equal((await refusal(stripe.invoices.pay(made.id!, { off_session: false }))).code, 'invoice_payment_intent_requires_action');
  const asked = await stripe.invoices.retrieve(made.id!, { expand: ['confirmation_secret'] });
  assert.match(asked.confirmation_secret?.client_secret ?? '', /_secret_/);
});

await check('an open one is voided or written off; written off it can still be paid', 'sandbox-only', async () => {
  const voided = await stripe.invoices.voidInvoice((await open(customer.id)).id!);
  assert.equal(voided.status, 'void');
  assert.equal((await refusal(stripe.invoices.pay(voided.id!))).statusCode, 400);
  const lost = await stripe.invoices.markUncollectible((await open(customer.id)).id!);
  assert.equal(lost.status, 'uncollectible');
  assert.equal((await stripe.invoices.pay(lost.id!)).status, 'paid');
  const elsewhere = await stripe.invoices.pay((await open(customer.id)).id!, { paid_out_of_band: true });
  assert.equal(elsewhere.status, 'paid');
  assert.equal((await refusal(stripe.invoices.del(elsewhere.id!))).statusCode, 400);
});

await check('credit on the balance goes first', 'sandbox-only', async () => {
  const saver = await newCustomer('pm_card_visa');
  await stripe.customers.createBalanceTransaction(saver.id, { amount: -3000, currency: 'usd', description: 'goodwill' });
  const made = await open(saver.id);
  assert.deepEqual([made.total, made.starting_balance, made.ending_balance, made.amount_due], [4500, -3000, 0, 1500]);
  assert.equal((await stripe.customers.listBalanceTransactions(saver.id)).data.reduce((sum, t) => sum + t.amount, 0), 0);
});

await check('a credit note makes an open one cheaper and gives back from a paid one', 'sandbox-only', async () => {
  const cheaper = await open(customer.id);
  const first = await stripe.creditNotes.create({ invoice: cheaper.id!, amount: 1000, memo: 'late' });
  assert.deepEqual([first.status, first.type, first.total], ['issued', 'pre_payment', 1000]);
  assert.equal((await stripe.invoices.retrieve(cheaper.id!)).amount_due, 3500);
  assert.equal((await stripe.creditNotes.voidCreditNote(first.id)).status, 'void');
  const paid = await stripe.invoices.pay(cheaper.id!);
  assert.equal(paid.amount_paid, 4500);
  const preview = await stripe.creditNotes.preview({ invoice: paid.id!, amount: 2000, refund_amount: 1500, credit_amount: 500 });
  assert.equal(preview.post_payment_amount, 2000);
  const note = await stripe.creditNotes.create({ invoice: paid.id!, amount: 2000, refund_amount: 1500, credit_amount: 500, reason: 'duplicate' });
  assert.equal(note.refunds[0]?.amount_refunded, 1500);
  const after = await stripe.customers.retrieve(customer.id);
  assert.ok(!after.deleted);
  assert.equal(after.balance, -500);
  assert.equal((await refusal(stripe.creditNotes.create({ invoice: paid.id!, amount: 2501, refund_amount: 2501 }))).statusCode, 400);
  assert.equal((await stripe.creditNotes.list({ invoice: paid.id! })).data.length, 2);
});

await check('lines come page by page', 'sandbox-only', async () => {
  const made = await draft(customer.id);
  for (let n = 1; n <= 12; n++) await stripe.invoiceItems.create({ customer: customer.id, invoice: made.id!, amount: n * 100, currency: 'usd', description: `Line ${n}` });
  const read = await stripe.invoices.retrieve(made.id!);
  assert.deepEqual([read.lines.data.length, read.lines.has_more, read.total], [10, true, 7800]);
  const all: number[] = [];
  for await (const line of stripe.invoices.listLineItems(made.id!, { limit: 5 })) all.push(line.amount);
  assert.equal(all.reduce((sum, amount) => sum + amount, 0), 7800);
  assert.equal(all.length, 12);
});

if (isSandbox) {
  await check('its page takes a card, its PDF says what was paid', 'sandbox-only', async () => {
    const made = await open(customer.id, 6000);
    const due = made.amount_due;
    assert.match(words(await (await fetch(made.hosted_invoice_url!)).text()), new RegExp(`Invoice ${made.number}.*Workflows`));
    assert.equal((await post(made.hosted_invoice_url!, typed('4000000000009995'))).status, 200);
    assert.equal((await stripe.invoices.retrieve(made.id!)).status, 'open');
    assert.equal((await post(made.hosted_invoice_url!, typed('4242424242424242'))).status, 303);
    const paid = await stripe.invoices.retrieve(made.id!);
    assert.deepEqual([paid.status, paid.amount_paid], ['paid', due]);
    const pdf = await fetch(paid.invoice_pdf!);
    assert.equal(pdf.headers.get('content-type'), 'application/pdf');
    const text = Buffer.from(await pdf.arrayBuffer()).toString('latin1');
    assert.ok(text.startsWith('%PDF-1.') && text.includes(made.number!));
  });
}
