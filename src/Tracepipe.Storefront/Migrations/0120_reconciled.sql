-- What a comparison with Stripe has found and somebody has mended. An invoice stays as it was made: where Stripe has asked for less, the rest is a line of a later invoice.
alter table invoices add column settled_elsewhere_cents bigint not null default 0; -- of what is due by our lines: asked for on a later invoice; below zero: asked for by Stripe beyond it, and given back
alter table bill_items drop constraint bill_items_kind_check, add constraint bill_items_kind_check check (kind in ('carried', 'held_back', 'unasked'));
alter table invoice_lines drop constraint invoice_lines_kind_check, add constraint invoice_lines_kind_check check (kind in ('use', 'carried', 'held_back', 'not_charged', 'unasked'));
