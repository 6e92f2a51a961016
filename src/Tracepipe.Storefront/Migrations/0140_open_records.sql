-- The close of a month looks for units of work that stand behind no line yet; what the plan included never stands behind one.
create index usage_records_open on usage_records (organization_id, bill_month) where accrual_id is null and pocket in ('credits', 'metered');
