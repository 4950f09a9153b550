-- What is counted of a posting stands in one number too: a question reads and groups by that in place of seventeen columns.
-- reads, writes: core.posting

alter table core.posting add column kind integer;

update core.posting set kind =
    case when valid then 1 else 0 end
    + case when closed then 2 else 0 end
    + case when suspended then 4 else 0 end
    + case when repeat then 8 else 0 end
    + case when first_replied then 16 else 0 end
    + case when returned then 32 else 0 end
    + case when reopened then 64 else 0 end
    + case when extended then 128 else 0 end
    + case when provisional then 256 else 0 end
    + case when replied_at is not null then 512 else 0 end
    + case when accepted_at is not null then 1024 else 0 end
    + case when done_at < received_at then 2048 else 0 end
    + case when accept_class = 'late' then 4096 when accept_class = 'overdue' then 8192 when accept_class = 'not_due' then 12288 when accept_class = 'no_deadline' then 16384 when accept_class = 'not_started' then 20480 else 0 end
    + case when reply_class = 'late' then 32768 when reply_class = 'overdue' then 65536 when reply_class = 'not_due' then 98304 when reply_class = 'no_deadline' then 131072 when reply_class = 'not_started' then 163840 else 0 end
    + case when close_class = 'late' then 262144 when close_class = 'overdue' then 524288 when close_class = 'not_due' then 786432 when close_class = 'no_deadline' then 1048576 when close_class = 'not_started' then 1310720 else 0 end
    + case when satisfaction = 'satisfied' then 2097152 when satisfaction = 'basically_satisfied' then 4194304 when satisfaction = 'dissatisfied' then 6291456 else 0 end;
