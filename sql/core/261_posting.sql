-- The ledger: from when to when a ticket was in which state (metrics.md §4, §5). One query; its rows go to core.posting. It is asked twice,
-- for the states that ended and then for those that stand: a question skips the blocks of what had ended by its moment.
-- reads:  version, state, unit_name; `kind` is told by petitions/kinds.py
-- grain:  version × state
{% from 'macros.sql' import mark_time, part_class, part_ends, parts %}
{% set clocks = ['accept', 'reply', 'close'] %}

with part as (
    select * from ({{ parts() }}) as p
    {% if stands %}
    where next_at is null
    {% endif %}
),
told as (
    select
        n.ticket_id, n.version_id, n.source, n.received_at, n.known_from, n.known_to, p.begins as valid_from,
        {{ part_ends() }} as valid_to,
        n.channel, n.ticket_type, n.top_category, n.area, u.unit,
        p.accept_due_at, p.reply_due_at, p.close_due_at,
        p.accept_done_at as accepted_at, p.reply_done_at as replied_at, p.close_done_at as done_at,
        {{ mark_time('p.closed_mark') }} as closed_at,
        cast(p.urged as integer) as urged, cast(p.supervised as integer) as supervised, n.received_month,
        -- of these the kind is made
        n.repeat, p.valid, p.closed, p.valid and not p.closed and p.close_held as suspended,
        p.first_replied, p.returned, p.reopened, p.extended, p.judged_provisional as provisional,
        {% for clock in clocks %}
        {{ part_class(clock) }} as {{ clock }}_class,
        {% endfor %}
        case p.rating when 1 then 'satisfied' when 2 then 'basically_satisfied' when 3 then 'dissatisfied' end as satisfaction,
        case when p.close_due_at is null then null when p.judged_by_rule then 'rule' else 'platform' end as close_due_source
    from part p
    join version n on n.v = p.v
    left join unit_name u on u.unit_no = p.unit_no
)
select * exclude ({{ named | join(', ') }}), {{ kind }}
from told
where valid_to {{ '=' if stands else '<' }} timestamptz '9999-12-31 00:00:00+08'
