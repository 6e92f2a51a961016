// The believable shop that the billing scenarios share: plans, a customer with a card on a clock of its own, and a buyer's browser without script.
import { assert, base, eventually, freshEmail, Stripe, stripe } from './harness.js';

const day = 86_400;
/** 2026-01-31 10:30:00 UTC: a month later is the 28th of February. */
export const start = 1_769_855_400;

export const plan = async (name: string, cents: number, more: Partial<Stripe.PriceCreateParams> = {}) =>
  stripe.prices.create({ currency: 'usd', unit_amount: cents, recurring: { interval: 'month' }, product_data: { name }, ...more });

/** Makes one of the test cards a customer's default. */
export async function useCard(customer: string, card = 'pm_card_visa'): Promise<Stripe.PaymentMethod> {
  const method = await stripe.paymentMethods.attach(card, { customer });
  await stripe.customers.update(customer, { invoice_settings: { default_payment_method: method.id } });
  return method;
}

export async function newCustomer(card?: string): Promise<Stripe.Customer> {
  const customer = await stripe.customers.create({ email: freshEmail(), name: 'Ada Lovelace' });
  if (card) await useCard(customer.id, card);
  return customer;
}

/** A customer who lives by a clock that the scenario moves. */
export class Clocked {
  private constructor(readonly clock: string, readonly customer: string) {}

  static async create(card?: string, from = start): Promise<Clocked> {
    const clock = await stripe.testHelpers.testClocks.create({ frozen_time: from });
    const customer = await stripe.customers.create({ email: freshEmail(), name: 'Ada Lovelace', test_clock: clock.id });
    if (card) await useCard(customer.id, card);
    return new Clocked(clock.id, customer.id);
  }

  async now(): Promise<number> {
    return (await stripe.testHelpers.testClocks.retrieve(this.clock)).frozen_time;
  }

  /** Moves the clock and waits until everything that fell due has happened. */
  async advanceTo(time: number): Promise<void> {
    await stripe.testHelpers.testClocks.advance(this.clock, { frozen_time: time });
    await eventually('the clock', async () => (await stripe.testHelpers.testClocks.retrieve(this.clock)).status === 'ready' || undefined, 60_000);
  }

  async advance(days: number, hours = 0): Promise<void> {
    await this.advanceTo((await this.now()) + days * day + hours * 3600);
  }

  async remove(): Promise<void> {
    await stripe.testHelpers.testClocks.del(this.clock);
  }
}

/** Posts a form of a hosted page as a browser without script does, and answers with the page or the way on. */
export async function post(address: string, fields: Record<string, string>): Promise<{ status: number; location: string; text: string }> {
  const answer = await fetch(address, { method: 'POST', body: new URLSearchParams(fields), redirect: 'manual' });
  const location = answer.headers.get('location') ?? '';
  return { status: answer.status, location: location ? new URL(location, base).href : '', text: await answer.text() };
}

export const typed = (number: string, more: Record<string, string> = {}) => ({ method: 'card', number, expiry: '12 / 34', cvc: '123', ...more });

/** What stands on a page, without its markup. */
export const words = (html: string) => html.replaceAll(/<(style|script)[\s\S]*?<\/\1>/g, '').replaceAll(/<[^>]*>/g, ' ').replaceAll('&#x27;', "'").replaceAll(/\s+/g, ' ');

/** The equations that hold for an invoice at any time. */
export function adds(invoice: Stripe.Invoice): void {
  const lines = invoice.lines.data.reduce((sum, line) => sum + line.amount, 0);
  const off = (invoice.total_discount_amounts ?? []).reduce((sum, discount) => sum + discount.amount, 0);
  assert.equal(invoice.subtotal, lines);
  assert.equal(invoice.total, lines - off);
  assert.equal(invoice.amount_due, invoice.amount_paid + invoice.amount_remaining);
}

export const idOf = (reference: string | { id: string } | null | undefined) => (typeof reference === 'string' ? reference : reference?.id ?? '');
