-- What is told of lanes and batches is kept in Chinese too, for the report; null where only the English is known (an earlier version wrote it).
-- reads: nothing · writes: two columns · grain: unchanged

alter table control.batch_message add column printed text;
alter table control.lane_run add column printed text;
