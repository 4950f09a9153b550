-- The temporary tables of 210 to 250 go, so that the session can be asked again. Both the warehouse and the bench of its clocks run it.
-- writes: drops temp tables

drop table if exists changed_ticket;

drop table if exists version;

drop table if exists daily_before;

drop table if exists daily_change;

drop table if exists life;

drop table if exists clock_rule;

drop table if exists scaled_rule;

drop table if exists due_step;

drop table if exists due_fold;

drop table if exists rule_due;

drop view if exists segment;

drop table if exists due;

drop table if exists unit_name;

drop table if exists kind;

drop table if exists state;
