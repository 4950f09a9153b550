-- The rows of a small warehouse as schema version 1 held them: four tickets, one of them told twice, one bad record, one failed lane.

insert into control.batch (batch_id, source, window_from, window_to, asked_to, fetched_at, platform_total, numbers, landed) values
    ('hotline_12345-2024-01-01 02:30:00', 'hotline_12345', '2023-01-01 00:00:00+08:00', '2023-12-31 23:59:59+08:00', '2023-12-31 23:59:59+08:00', '2024-01-01 02:30:00+08:00', 3, 3, 3),
    ('hotline_12345-2024-01-02 02:30:00', 'hotline_12345', '2023-01-01 00:00:00+08:00', '2023-12-31 23:59:59+08:00', '2023-12-31 23:59:59+08:00', '2024-01-02 02:30:00+08:00', 1, 1, 1),
    ('smart_city-2024-01-02 02:31:00', 'smart_city', '2023-01-01 00:00:00+08:00', '2023-12-31 23:59:59+08:00', '2023-12-31 23:59:59+08:00', '2024-01-02 02:31:00+08:00', 1, 1, 1),
    ('visits-2024-01-02 02:32:00', 'visits', '2023-01-01 00:00:00+08:00', '2023-12-31 23:59:59+08:00', '2023-12-31 23:59:59+08:00', '2024-01-02 02:32:00+08:00', 1, 1, 1);

insert into control.batch_file (batch_id, source, name, sha256) values
    ('visits-2024-01-02 02:32:00', 'visits', '来访登记.xlsx', 'abababababababababababababababababababababababababababababababab');

insert into control.batch_message (batch_id, level, message) values
    ('hotline_12345-2024-01-01 02:30:00', 'yellow', '1 record in quarantine: unknown_code 1');

insert into control.fingerprint (name, value) values
    ('calendar', '6412af4cbe90'),
    ('office_hours', '05edefe5e2ae4e0f'),
    ('time_limits', '1678552d322b');

insert into control.lane_run (run_id, source, batch_id, ended_at, error) values
    ('run', 'provincial', null, '2024-01-02 02:30:00+08:00', 'expected an answer, found none; run this window again');

insert into control.quarantine_decision (record_id, status, note, decided_at) values
    ('226b868d74627596c0143e62d41de85a', 'dismissed', '测试', '2024-01-03 09:00:00+08:00');

insert into control.quarantine_replay (record_id, batch_id) values
    ('226b868d74627596c0143e62d41de85a', 'hotline_12345-2024-01-01 02:30:00');

insert into control.quarantine_sighting (record_id, batch_id, source, source_no, rule, reason, seen_at, file, line) values
    ('226b868d74627596c0143e62d41de85a', 'hotline_12345-2024-01-01 02:30:00', 'hotline_12345', 'H9', 'unknown_code', 'a reason', '2024-01-01 02:30:00+08:00', null, 1);

insert into control.touched (ticket_id) values
    ('visits:V1');

insert into core.calendar (day, is_working, published, workday_no, next_workday, previous_workday) values
    ('2023-06-01', true, true, 8504, '2023-06-01', '2023-05-31'),
    ('2023-06-02', true, true, 8505, '2023-06-02', '2023-06-01'),
    ('2023-06-03', false, true, 8505, '2023-06-05', '2023-06-02'),
    ('2023-06-04', false, true, 8505, '2023-06-05', '2023-06-02'),
    ('2023-06-05', true, true, 8506, '2023-06-05', '2023-06-02'),
    ('2023-06-06', true, true, 8507, '2023-06-06', '2023-06-05'),
    ('2023-06-07', true, true, 8508, '2023-06-07', '2023-06-06'),
    ('2023-06-08', true, true, 8509, '2023-06-08', '2023-06-07'),
    ('2023-06-09', true, true, 8510, '2023-06-09', '2023-06-08'),
    ('2023-06-10', false, true, 8510, '2023-06-12', '2023-06-09');

insert into core.clock (version_id, ticket_id, clock, started_at, due_at, due_source, rule_id, calendar_version, provisional, done_at) values
    ('1a08e32f-8dee-c383-f22c-b54b9cd7f20a', 'hotline_12345:H2', 'accept', '2023-06-06 09:00:00+08:00', null, null, null, '6412af4cbe90', false, '2023-06-06 10:00:00+08:00'),
    ('1a08e32f-8dee-c383-f22c-b54b9cd7f20a', 'hotline_12345:H2', 'close', '2023-06-06 09:00:00+08:00', '2023-06-30 23:59:59+08:00', 'platform', null, '6412af4cbe90', false, '2023-07-05 10:00:00+08:00'),
    ('1a08e32f-8dee-c383-f22c-b54b9cd7f20a', 'hotline_12345:H2', 'reply', '2023-06-06 09:00:00+08:00', '2023-06-28 23:59:59+08:00', 'rule', 'hotline_12345/*/*/*/*/reply@2022-01-01', '6412af4cbe90', false, '2023-07-05 09:00:00+08:00'),
    ('1f74f512-e23b-20a3-911e-a645bba2e061', 'visits:V1', 'accept', '2023-06-12 09:00:00+08:00', null, null, null, '6412af4cbe90', false, '2023-06-12 09:20:00+08:00'),
    ('1f74f512-e23b-20a3-911e-a645bba2e061', 'visits:V1', 'close', null, null, null, null, '6412af4cbe90', false, null),
    ('1f74f512-e23b-20a3-911e-a645bba2e061', 'visits:V1', 'reply', null, null, null, null, '6412af4cbe90', false, null),
    ('53183aee-9ff7-1016-872d-0a5fb56ca31e', 'hotline_12345:H1', 'accept', '2023-06-05 09:00:00+08:00', null, null, null, '6412af4cbe90', false, '2023-06-05 10:00:00+08:00'),
    ('53183aee-9ff7-1016-872d-0a5fb56ca31e', 'hotline_12345:H1', 'close', '2023-06-05 09:00:00+08:00', '2023-06-30 23:59:59+08:00', 'platform', null, '6412af4cbe90', false, '2023-06-20 10:00:00+08:00'),
    ('53183aee-9ff7-1016-872d-0a5fb56ca31e', 'hotline_12345:H1', 'reply', '2023-06-05 09:00:00+08:00', '2023-06-27 23:59:59+08:00', 'rule', 'hotline_12345/*/*/*/*/reply@2022-01-01', '6412af4cbe90', false, '2023-06-20 09:00:00+08:00'),
    ('77779d28-577d-92c7-c70d-334f646719dd', 'hotline_12345:H2', 'accept', '2023-06-06 09:00:00+08:00', null, null, null, '6412af4cbe90', false, '2023-06-06 10:00:00+08:00'),
    ('77779d28-577d-92c7-c70d-334f646719dd', 'hotline_12345:H2', 'close', '2023-06-06 09:00:00+08:00', '2023-06-30 23:59:59+08:00', 'platform', null, '6412af4cbe90', false, null),
    ('77779d28-577d-92c7-c70d-334f646719dd', 'hotline_12345:H2', 'reply', '2023-06-06 09:00:00+08:00', '2023-06-28 23:59:59+08:00', 'rule', 'hotline_12345/*/*/*/*/reply@2022-01-01', '6412af4cbe90', false, null),
    ('dcc5ebed-0c8d-48a6-0ece-59e650219c2a', 'smart_city:C1', 'accept', '2023-06-15 08:00:00+08:00', '2023-06-15 10:00:00+08:00', 'rule', 'smart_city/*/*/*/*/accept@2019-01-01', '6412af4cbe90', false, '2023-06-15 08:30:00+08:00'),
    ('dcc5ebed-0c8d-48a6-0ece-59e650219c2a', 'smart_city:C1', 'close', '2023-06-15 08:00:00+08:00', '2023-06-16 23:59:59+08:00', 'platform', null, '6412af4cbe90', false, null),
    ('dcc5ebed-0c8d-48a6-0ece-59e650219c2a', 'smart_city:C1', 'reply', null, null, null, null, '6412af4cbe90', false, null);

insert into core.content (content_id, ticket_id, source, source_no, received_at, channel, ticket_type, urgency, category, area, unit, title, content, address, petitioner, phone, id_number, person_key, persons, repeat, restricted, due_at, due_upper_at, limit_amount, limit_unit, out_of_order) values
    ('13683aad-b596-8fe1-34fa-5dfb3f03539e', 'hotline_12345:H2', 'hotline_12345', 'H2', '2023-06-06 09:00:00+08:00', 'phone', 'complaint', 'normal', null, null, '人社局', '反映办事窗口', null, null, null, null, null, null, null, false, true, '2023-06-30 23:59:59+08:00', null, null, null, false),
    ('36965716-7d3c-e9cf-0c4d-49a164f30a96', 'smart_city:C1', 'smart_city', 'C1', '2023-06-15 08:00:00+08:00', '公众举报', null, 'normal', null, null, '城管局', '占道经营', null, null, null, null, null, null, null, false, false, '2023-06-16 23:59:59+08:00', null, null, null, false),
    ('76c880ae-746e-9300-c088-3b71d7efe24e', 'hotline_12345:H2', 'hotline_12345', 'H2', '2023-06-06 09:00:00+08:00', 'phone', 'complaint', 'normal', null, null, '人社局', '反映办事窗口', null, null, null, null, null, null, null, false, true, '2023-06-30 23:59:59+08:00', null, null, null, false),
    ('7fd3806e-4da1-e2bb-034e-531ed6432ea8', 'hotline_12345:H1', 'hotline_12345', 'H1', '2023-06-05 09:00:00+08:00', 'phone', 'help', 'normal', null, null, '住建局', '路灯不亮', null, null, null, '138****0000', null, null, null, false, false, '2023-06-30 23:59:59+08:00', null, null, null, false),
    ('b5e3a695-2b80-e31d-b3e9-c0d547e3ceca', 'visits:V1', 'visits', 'V1', '2023-06-12 09:00:00+08:00', null, null, 'normal', null, null, null, null, null, null, null, null, null, null, 2, false, false, null, null, null, null, false);

insert into core.content_event (content_id, seq, event_type, occurred_at, unit, old_due, new_due, satisfaction, note) values
    ('13683aad-b596-8fe1-34fa-5dfb3f03539e', 0, 'received', '2023-06-06 09:00:00+08:00', null, null, null, null, null),
    ('13683aad-b596-8fe1-34fa-5dfb3f03539e', 1, 'accepted', '2023-06-06 10:00:00+08:00', null, null, null, null, null),
    ('13683aad-b596-8fe1-34fa-5dfb3f03539e', 2, 'replied', '2023-07-05 09:00:00+08:00', null, null, null, null, null),
    ('13683aad-b596-8fe1-34fa-5dfb3f03539e', 3, 'closed', '2023-07-05 10:00:00+08:00', null, null, null, null, null),
    ('36965716-7d3c-e9cf-0c4d-49a164f30a96', 0, 'received', '2023-06-15 08:00:00+08:00', null, null, null, null, null),
    ('36965716-7d3c-e9cf-0c4d-49a164f30a96', 1, 'accepted', '2023-06-15 08:30:00+08:00', null, null, null, null, null),
    ('36965716-7d3c-e9cf-0c4d-49a164f30a96', 2, 'dispatched', '2023-06-15 09:00:00+08:00', null, null, null, null, null),
    ('76c880ae-746e-9300-c088-3b71d7efe24e', 0, 'received', '2023-06-06 09:00:00+08:00', null, null, null, null, null),
    ('76c880ae-746e-9300-c088-3b71d7efe24e', 1, 'accepted', '2023-06-06 10:00:00+08:00', null, null, null, null, null),
    ('7fd3806e-4da1-e2bb-034e-531ed6432ea8', 0, 'received', '2023-06-05 09:00:00+08:00', null, null, null, null, null),
    ('7fd3806e-4da1-e2bb-034e-531ed6432ea8', 1, 'accepted', '2023-06-05 10:00:00+08:00', null, null, null, null, null),
    ('7fd3806e-4da1-e2bb-034e-531ed6432ea8', 2, 'dispatched', '2023-06-05 11:00:00+08:00', null, null, null, null, null),
    ('7fd3806e-4da1-e2bb-034e-531ed6432ea8', 3, 'replied', '2023-06-20 09:00:00+08:00', null, null, null, null, null),
    ('7fd3806e-4da1-e2bb-034e-531ed6432ea8', 4, 'closed', '2023-06-20 10:00:00+08:00', null, null, null, null, null),
    ('7fd3806e-4da1-e2bb-034e-531ed6432ea8', 5, 'rated', '2023-06-21 08:00:00+08:00', null, null, null, null, null),
    ('b5e3a695-2b80-e31d-b3e9-c0d547e3ceca', 0, 'received', '2023-06-12 09:00:00+08:00', null, null, null, null, null),
    ('b5e3a695-2b80-e31d-b3e9-c0d547e3ceca', 1, 'accepted', '2023-06-12 09:20:00+08:00', null, null, null, null, null);

insert into core.event_type (event_type, rank) values
    ('accepted', 1),
    ('closed', 15),
    ('dispatched', 4),
    ('duplicate', 3),
    ('extended', 7),
    ('first_reply', 12),
    ('handled', 13),
    ('not_accepted', 2),
    ('rated', 18),
    ('received', 0),
    ('reopened', 16),
    ('replied', 14),
    ('resumed', 9),
    ('returned', 6),
    ('signed', 5),
    ('supervised', 11),
    ('suspended', 8),
    ('urged', 10),
    ('withdrawn', 17);

insert into core.passage (ticket_id, source, channel, known_from, known_to, passed_at, passage) values
    ('hotline_12345:H1', 'hotline_12345', 'phone', '2024-01-01 02:30:00+08:00', '9999-12-31 00:00:00+08:00', '2023-06-05 09:00:00+08:00', 'received'),
    ('hotline_12345:H1', 'hotline_12345', 'phone', '2024-01-01 02:30:00+08:00', '9999-12-31 00:00:00+08:00', '2023-06-20 10:00:00+08:00', 'closed'),
    ('hotline_12345:H2', 'hotline_12345', 'phone', '2024-01-01 02:30:00+08:00', '2024-01-02 02:30:00+08:00', '2023-06-06 09:00:00+08:00', 'received'),
    ('hotline_12345:H2', 'hotline_12345', 'phone', '2024-01-02 02:30:00+08:00', '9999-12-31 00:00:00+08:00', '2023-06-06 09:00:00+08:00', 'received'),
    ('hotline_12345:H2', 'hotline_12345', 'phone', '2024-01-02 02:30:00+08:00', '9999-12-31 00:00:00+08:00', '2023-07-05 10:00:00+08:00', 'closed'),
    ('smart_city:C1', 'smart_city', '公众举报', '2024-01-02 02:31:00+08:00', '9999-12-31 00:00:00+08:00', '2023-06-15 08:00:00+08:00', 'received'),
    ('visits:V1', 'visits', null, '2024-01-02 02:32:00+08:00', '9999-12-31 00:00:00+08:00', '2023-06-12 09:00:00+08:00', 'received');

insert into core.posting (ticket_id, version_id, source, received_at, known_from, known_to, valid_from, valid_to, channel, ticket_type, category, area, unit, repeat, valid, closed, suspended, accept_class, reply_class, close_class, accept_due_at, reply_due_at, close_due_at, close_due_source, provisional, accepted_at, replied_at, done_at, closed_at, first_replied, satisfaction, returned, reopened, extended, urged, supervised) values
    ('hotline_12345:H1', '53183aee-9ff7-1016-872d-0a5fb56ca31e', 'hotline_12345', '2023-06-05 09:00:00+08:00', '2024-01-01 02:30:00+08:00', '9999-12-31 00:00:00+08:00', '2023-06-05 09:00:00+08:00', '2023-06-05 10:00:00+08:00', 'phone', 'help', null, null, '住建局', false, true, false, false, 'no_deadline', 'not_due', 'not_due', null, '2023-06-27 23:59:59+08:00', '2023-06-30 23:59:59+08:00', 'platform', false, null, null, null, null, false, null, false, false, false, 0, 0),
    ('hotline_12345:H1', '53183aee-9ff7-1016-872d-0a5fb56ca31e', 'hotline_12345', '2023-06-05 09:00:00+08:00', '2024-01-01 02:30:00+08:00', '9999-12-31 00:00:00+08:00', '2023-06-05 10:00:00+08:00', '2023-06-05 11:00:00+08:00', 'phone', 'help', null, null, '住建局', false, true, false, false, 'no_deadline', 'not_due', 'not_due', null, '2023-06-27 23:59:59+08:00', '2023-06-30 23:59:59+08:00', 'platform', false, '2023-06-05 10:00:00+08:00', null, null, null, true, null, false, false, false, 0, 0),
    ('hotline_12345:H1', '53183aee-9ff7-1016-872d-0a5fb56ca31e', 'hotline_12345', '2023-06-05 09:00:00+08:00', '2024-01-01 02:30:00+08:00', '9999-12-31 00:00:00+08:00', '2023-06-05 11:00:00+08:00', '2023-06-20 09:00:00+08:00', 'phone', 'help', null, null, '住建局', false, true, false, false, 'no_deadline', 'not_due', 'not_due', null, '2023-06-27 23:59:59+08:00', '2023-06-30 23:59:59+08:00', 'platform', false, '2023-06-05 10:00:00+08:00', null, null, null, true, null, false, false, false, 0, 0),
    ('hotline_12345:H1', '53183aee-9ff7-1016-872d-0a5fb56ca31e', 'hotline_12345', '2023-06-05 09:00:00+08:00', '2024-01-01 02:30:00+08:00', '9999-12-31 00:00:00+08:00', '2023-06-20 09:00:00+08:00', '2023-06-20 10:00:00+08:00', 'phone', 'help', null, null, '住建局', false, true, false, false, 'no_deadline', 'on_time', 'not_due', null, '2023-06-27 23:59:59+08:00', '2023-06-30 23:59:59+08:00', 'platform', false, '2023-06-05 10:00:00+08:00', '2023-06-20 09:00:00+08:00', null, null, true, null, false, false, false, 0, 0),
    ('hotline_12345:H1', '53183aee-9ff7-1016-872d-0a5fb56ca31e', 'hotline_12345', '2023-06-05 09:00:00+08:00', '2024-01-01 02:30:00+08:00', '9999-12-31 00:00:00+08:00', '2023-06-20 10:00:00+08:00', '2023-06-21 08:00:00+08:00', 'phone', 'help', null, null, '住建局', false, true, true, false, 'no_deadline', 'on_time', 'on_time', null, '2023-06-27 23:59:59+08:00', '2023-06-30 23:59:59+08:00', 'platform', false, '2023-06-05 10:00:00+08:00', '2023-06-20 09:00:00+08:00', '2023-06-20 10:00:00+08:00', '2023-06-20 10:00:00+08:00', true, null, false, false, false, 0, 0),
    ('hotline_12345:H1', '53183aee-9ff7-1016-872d-0a5fb56ca31e', 'hotline_12345', '2023-06-05 09:00:00+08:00', '2024-01-01 02:30:00+08:00', '9999-12-31 00:00:00+08:00', '2023-06-21 08:00:00+08:00', '9999-12-31 00:00:00+08:00', 'phone', 'help', null, null, '住建局', false, true, true, false, 'no_deadline', 'on_time', 'on_time', null, '2023-06-27 23:59:59+08:00', '2023-06-30 23:59:59+08:00', 'platform', false, '2023-06-05 10:00:00+08:00', '2023-06-20 09:00:00+08:00', '2023-06-20 10:00:00+08:00', '2023-06-20 10:00:00+08:00', true, null, false, false, false, 0, 0),
    ('hotline_12345:H2', '1a08e32f-8dee-c383-f22c-b54b9cd7f20a', 'hotline_12345', '2023-06-06 09:00:00+08:00', '2024-01-02 02:30:00+08:00', '9999-12-31 00:00:00+08:00', '2023-06-06 09:00:00+08:00', '2023-06-06 10:00:00+08:00', 'phone', 'complaint', null, null, '人社局', false, true, false, false, 'no_deadline', 'not_due', 'not_due', null, '2023-06-28 23:59:59+08:00', '2023-06-30 23:59:59+08:00', 'platform', false, null, null, null, null, false, null, false, false, false, 0, 0),
    ('hotline_12345:H2', '1a08e32f-8dee-c383-f22c-b54b9cd7f20a', 'hotline_12345', '2023-06-06 09:00:00+08:00', '2024-01-02 02:30:00+08:00', '9999-12-31 00:00:00+08:00', '2023-06-06 10:00:00+08:00', '2023-06-29 00:00:00+08:00', 'phone', 'complaint', null, null, '人社局', false, true, false, false, 'no_deadline', 'not_due', 'not_due', null, '2023-06-28 23:59:59+08:00', '2023-06-30 23:59:59+08:00', 'platform', false, '2023-06-06 10:00:00+08:00', null, null, null, true, null, false, false, false, 0, 0),
    ('hotline_12345:H2', '1a08e32f-8dee-c383-f22c-b54b9cd7f20a', 'hotline_12345', '2023-06-06 09:00:00+08:00', '2024-01-02 02:30:00+08:00', '9999-12-31 00:00:00+08:00', '2023-06-29 00:00:00+08:00', '2023-07-01 00:00:00+08:00', 'phone', 'complaint', null, null, '人社局', false, true, false, false, 'no_deadline', 'overdue', 'not_due', null, '2023-06-28 23:59:59+08:00', '2023-06-30 23:59:59+08:00', 'platform', false, '2023-06-06 10:00:00+08:00', null, null, null, true, null, false, false, false, 0, 0),
    ('hotline_12345:H2', '1a08e32f-8dee-c383-f22c-b54b9cd7f20a', 'hotline_12345', '2023-06-06 09:00:00+08:00', '2024-01-02 02:30:00+08:00', '9999-12-31 00:00:00+08:00', '2023-07-01 00:00:00+08:00', '2023-07-05 09:00:00+08:00', 'phone', 'complaint', null, null, '人社局', false, true, false, false, 'no_deadline', 'overdue', 'overdue', null, '2023-06-28 23:59:59+08:00', '2023-06-30 23:59:59+08:00', 'platform', false, '2023-06-06 10:00:00+08:00', null, null, null, true, null, false, false, false, 0, 0),
    ('hotline_12345:H2', '1a08e32f-8dee-c383-f22c-b54b9cd7f20a', 'hotline_12345', '2023-06-06 09:00:00+08:00', '2024-01-02 02:30:00+08:00', '9999-12-31 00:00:00+08:00', '2023-07-05 09:00:00+08:00', '2023-07-05 10:00:00+08:00', 'phone', 'complaint', null, null, '人社局', false, true, false, false, 'no_deadline', 'late', 'overdue', null, '2023-06-28 23:59:59+08:00', '2023-06-30 23:59:59+08:00', 'platform', false, '2023-06-06 10:00:00+08:00', '2023-07-05 09:00:00+08:00', null, null, true, null, false, false, false, 0, 0),
    ('hotline_12345:H2', '1a08e32f-8dee-c383-f22c-b54b9cd7f20a', 'hotline_12345', '2023-06-06 09:00:00+08:00', '2024-01-02 02:30:00+08:00', '9999-12-31 00:00:00+08:00', '2023-07-05 10:00:00+08:00', '9999-12-31 00:00:00+08:00', 'phone', 'complaint', null, null, '人社局', false, true, true, false, 'no_deadline', 'late', 'late', null, '2023-06-28 23:59:59+08:00', '2023-06-30 23:59:59+08:00', 'platform', false, '2023-06-06 10:00:00+08:00', '2023-07-05 09:00:00+08:00', '2023-07-05 10:00:00+08:00', '2023-07-05 10:00:00+08:00', true, null, false, false, false, 0, 0),
    ('hotline_12345:H2', '77779d28-577d-92c7-c70d-334f646719dd', 'hotline_12345', '2023-06-06 09:00:00+08:00', '2024-01-01 02:30:00+08:00', '2024-01-02 02:30:00+08:00', '2023-06-06 09:00:00+08:00', '2023-06-06 10:00:00+08:00', 'phone', 'complaint', null, null, '人社局', false, true, false, false, 'no_deadline', 'not_due', 'not_due', null, '2023-06-28 23:59:59+08:00', '2023-06-30 23:59:59+08:00', 'platform', false, null, null, null, null, false, null, false, false, false, 0, 0),
    ('hotline_12345:H2', '77779d28-577d-92c7-c70d-334f646719dd', 'hotline_12345', '2023-06-06 09:00:00+08:00', '2024-01-01 02:30:00+08:00', '2024-01-02 02:30:00+08:00', '2023-06-06 10:00:00+08:00', '2023-06-29 00:00:00+08:00', 'phone', 'complaint', null, null, '人社局', false, true, false, false, 'no_deadline', 'not_due', 'not_due', null, '2023-06-28 23:59:59+08:00', '2023-06-30 23:59:59+08:00', 'platform', false, '2023-06-06 10:00:00+08:00', null, null, null, true, null, false, false, false, 0, 0),
    ('hotline_12345:H2', '77779d28-577d-92c7-c70d-334f646719dd', 'hotline_12345', '2023-06-06 09:00:00+08:00', '2024-01-01 02:30:00+08:00', '2024-01-02 02:30:00+08:00', '2023-06-29 00:00:00+08:00', '2023-07-01 00:00:00+08:00', 'phone', 'complaint', null, null, '人社局', false, true, false, false, 'no_deadline', 'overdue', 'not_due', null, '2023-06-28 23:59:59+08:00', '2023-06-30 23:59:59+08:00', 'platform', false, '2023-06-06 10:00:00+08:00', null, null, null, true, null, false, false, false, 0, 0),
    ('hotline_12345:H2', '77779d28-577d-92c7-c70d-334f646719dd', 'hotline_12345', '2023-06-06 09:00:00+08:00', '2024-01-01 02:30:00+08:00', '2024-01-02 02:30:00+08:00', '2023-07-01 00:00:00+08:00', '9999-12-31 00:00:00+08:00', 'phone', 'complaint', null, null, '人社局', false, true, false, false, 'no_deadline', 'overdue', 'overdue', null, '2023-06-28 23:59:59+08:00', '2023-06-30 23:59:59+08:00', 'platform', false, '2023-06-06 10:00:00+08:00', null, null, null, true, null, false, false, false, 0, 0),
    ('smart_city:C1', 'dcc5ebed-0c8d-48a6-0ece-59e650219c2a', 'smart_city', '2023-06-15 08:00:00+08:00', '2024-01-02 02:31:00+08:00', '9999-12-31 00:00:00+08:00', '2023-06-15 08:00:00+08:00', '2023-06-15 08:30:00+08:00', '公众举报', null, null, null, '城管局', false, true, false, false, 'not_due', 'no_deadline', 'not_due', '2023-06-15 10:00:00+08:00', null, '2023-06-16 23:59:59+08:00', 'platform', false, null, null, null, null, false, null, false, false, false, 0, 0),
    ('smart_city:C1', 'dcc5ebed-0c8d-48a6-0ece-59e650219c2a', 'smart_city', '2023-06-15 08:00:00+08:00', '2024-01-02 02:31:00+08:00', '9999-12-31 00:00:00+08:00', '2023-06-15 08:30:00+08:00', '2023-06-15 09:00:00+08:00', '公众举报', null, null, null, '城管局', false, true, false, false, 'on_time', 'no_deadline', 'not_due', '2023-06-15 10:00:00+08:00', null, '2023-06-16 23:59:59+08:00', 'platform', false, '2023-06-15 08:30:00+08:00', null, null, null, true, null, false, false, false, 0, 0),
    ('smart_city:C1', 'dcc5ebed-0c8d-48a6-0ece-59e650219c2a', 'smart_city', '2023-06-15 08:00:00+08:00', '2024-01-02 02:31:00+08:00', '9999-12-31 00:00:00+08:00', '2023-06-15 09:00:00+08:00', '2023-06-17 00:00:00+08:00', '公众举报', null, null, null, '城管局', false, true, false, false, 'on_time', 'no_deadline', 'not_due', '2023-06-15 10:00:00+08:00', null, '2023-06-16 23:59:59+08:00', 'platform', false, '2023-06-15 08:30:00+08:00', null, null, null, true, null, false, false, false, 0, 0),
    ('smart_city:C1', 'dcc5ebed-0c8d-48a6-0ece-59e650219c2a', 'smart_city', '2023-06-15 08:00:00+08:00', '2024-01-02 02:31:00+08:00', '9999-12-31 00:00:00+08:00', '2023-06-17 00:00:00+08:00', '9999-12-31 00:00:00+08:00', '公众举报', null, null, null, '城管局', false, true, false, false, 'on_time', 'no_deadline', 'overdue', '2023-06-15 10:00:00+08:00', null, '2023-06-16 23:59:59+08:00', 'platform', false, '2023-06-15 08:30:00+08:00', null, null, null, true, null, false, false, false, 0, 0),
    ('visits:V1', '1f74f512-e23b-20a3-911e-a645bba2e061', 'visits', '2023-06-12 09:00:00+08:00', '2024-01-02 02:32:00+08:00', '9999-12-31 00:00:00+08:00', '2023-06-12 09:00:00+08:00', '2023-06-12 09:20:00+08:00', null, null, null, null, null, false, true, false, false, 'no_deadline', 'no_deadline', 'no_deadline', null, null, null, null, false, null, null, null, null, false, null, false, false, false, 0, 0),
    ('visits:V1', '1f74f512-e23b-20a3-911e-a645bba2e061', 'visits', '2023-06-12 09:00:00+08:00', '2024-01-02 02:32:00+08:00', '9999-12-31 00:00:00+08:00', '2023-06-12 09:20:00+08:00', '9999-12-31 00:00:00+08:00', null, null, null, null, null, false, true, false, false, 'no_deadline', 'no_deadline', 'no_deadline', null, null, null, null, false, '2023-06-12 09:20:00+08:00', null, null, null, true, null, false, false, false, 0, 0);

insert into core.rule (rule_id, source, channel, ticket_type, urgency, category, clock, start_event, amount, unit, roll, pausable, effective_from, effective_to, basis, specificity) values
    ('smart_city/*/*/*/*/accept@2019-01-01', 'smart_city', '*', '*', '*', '*', 'accept', 'received', 2, 'working_hour', 'none', false, '2019-01-01', null, '本地设置 立案', 1),
    ('smart_city/*/*/*/*/close@2019-01-01', 'smart_city', '*', '*', '*', '*', 'close', 'dispatched', 3, 'working_day', 'none', true, '2019-01-01', null, '立案结案标准 最常见时限', 1),
    ('smart_city/*/*/urgent/*/close@2019-01-01', 'smart_city', '*', '*', 'urgent', '*', 'close', 'dispatched', 2, 'hour', 'none', true, '2019-01-01', null, '立案结案标准 紧急工作时', 2);

insert into core.sighting (ticket_id, source, content_id, batch_id, known_at, updated_at, update_key, export_at, made_version) values
    ('hotline_12345:H1', 'hotline_12345', '7fd3806e-4da1-e2bb-034e-531ed6432ea8', 'hotline_12345-2024-01-01 02:30:00', '2024-01-01 02:30:00+08:00', '2023-06-21 08:00:00+08:00', '', null, true),
    ('hotline_12345:H2', 'hotline_12345', '13683aad-b596-8fe1-34fa-5dfb3f03539e', 'hotline_12345-2024-01-02 02:30:00', '2024-01-02 02:30:00+08:00', '2023-07-05 10:00:00+08:00', '', null, true),
    ('hotline_12345:H2', 'hotline_12345', '76c880ae-746e-9300-c088-3b71d7efe24e', 'hotline_12345-2024-01-01 02:30:00', '2024-01-01 02:30:00+08:00', '2023-06-06 10:00:00+08:00', '', null, true),
    ('smart_city:C1', 'smart_city', '36965716-7d3c-e9cf-0c4d-49a164f30a96', 'smart_city-2024-01-02 02:31:00', '2024-01-02 02:31:00+08:00', '2023-06-15 09:00:00+08:00', '', null, true),
    ('visits:V1', 'visits', 'b5e3a695-2b80-e31d-b3e9-c0d547e3ceca', 'visits-2024-01-02 02:32:00', '2024-01-02 02:32:00+08:00', '2023-06-12 09:20:00+08:00', '', null, true);

insert into core.ticket_version (version_id, ticket_id, content_id, known_from, known_to, status_at) values
    ('1a08e32f-8dee-c383-f22c-b54b9cd7f20a', 'hotline_12345:H2', '13683aad-b596-8fe1-34fa-5dfb3f03539e', '2024-01-02 02:30:00+08:00', '9999-12-31 00:00:00+08:00', null),
    ('1f74f512-e23b-20a3-911e-a645bba2e061', 'visits:V1', 'b5e3a695-2b80-e31d-b3e9-c0d547e3ceca', '2024-01-02 02:32:00+08:00', '9999-12-31 00:00:00+08:00', null),
    ('53183aee-9ff7-1016-872d-0a5fb56ca31e', 'hotline_12345:H1', '7fd3806e-4da1-e2bb-034e-531ed6432ea8', '2024-01-01 02:30:00+08:00', '9999-12-31 00:00:00+08:00', null),
    ('77779d28-577d-92c7-c70d-334f646719dd', 'hotline_12345:H2', '76c880ae-746e-9300-c088-3b71d7efe24e', '2024-01-01 02:30:00+08:00', '2024-01-02 02:30:00+08:00', null),
    ('dcc5ebed-0c8d-48a6-0ece-59e650219c2a', 'smart_city:C1', '36965716-7d3c-e9cf-0c4d-49a164f30a96', '2024-01-02 02:31:00+08:00', '9999-12-31 00:00:00+08:00', null);

insert into marts.daily (day, source, channel, category, area, unit, received, closed, open_change, overdue_change) values
    ('2023-06-05', 'hotline_12345', 'phone', '—', '—', '住建局', 1, 0, 1, 0),
    ('2023-06-06', 'hotline_12345', 'phone', '—', '—', '人社局', 1, 0, 1, 0),
    ('2023-06-12', 'visits', '—', '—', '—', '—', 1, 0, 1, 0),
    ('2023-06-15', 'smart_city', '公众举报', '—', '—', '城管局', 1, 0, 1, 0),
    ('2023-06-17', 'smart_city', '公众举报', '—', '—', '城管局', 0, 0, 0, 1),
    ('2023-06-20', 'hotline_12345', 'phone', '—', '—', '住建局', 0, 1, -1, 0),
    ('2023-07-01', 'hotline_12345', 'phone', '—', '—', '人社局', 0, 0, 0, 1),
    ('2023-07-05', 'hotline_12345', 'phone', '—', '—', '人社局', 0, 1, -1, -1);
