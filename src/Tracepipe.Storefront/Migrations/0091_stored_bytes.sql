-- What keeping a file has cost so far: the part of the stored bytes that lay above the included level, summed over time (1 = all of them, for a microsecond).
-- A file's cost is its bytes times what this has grown by since it was stored, so that the costs of all files add up to what storage costs.
alter table storage_levels add column charged_microseconds numeric(40, 12) not null default 0 check (charged_microseconds >= 0);
alter table trace_files add column charged_before numeric(40, 12) not null default 0;

-- Sessions are counted among the sums of their hour, in the transaction that makes them.
create policy counts on usage_hours for insert to tracepipe_web with check (organization_id = current_organization());
create policy recounts on usage_hours for update to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
grant insert, update on usage_hours to tracepipe_web;
