-- What names the credits that a part of a hold has set aside.
alter table hold_parts add column cause text;
alter table hold_parts add constraint hold_parts_cause_check check ((pocket = 'credits') = (cause is not null));
