-- Who is billed, as the customer writes it; an invoice keeps what stood there when it was made, and who billed.
alter table billing_accounts
  add column billing_name text check (length(billing_name) between 1 and 200),
  add column billing_address text check (length(billing_address) between 1 and 1000),
  add column tax_id text check (length(tax_id) between 1 and 100);
alter table invoices add column bill_to text, add column bill_from text; -- lines; null on what Stripe makes
