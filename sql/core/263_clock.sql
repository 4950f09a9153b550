-- Each clock as it stands when everything told so far has happened (metrics.md §4). One query; its rows go to core.clock.
-- reads:  version, segment, state, clock_rule, :calendar_version
-- grain:  version × clock that has a state
{% set clocks = ['accept', 'reply', 'close'] %}

with final as (
    select
        s.*, n.version_id, n.received_at, n.received_month,
        {% for clock in clocks %}
        g.{{ clock }}_start, g.{{ clock }}_own_due, g.{{ clock }}_own_provisional{{ ',' if not loop.last }}
        {% endfor %}
    from state s
    join segment g on g.v = s.v and g.ordinal = s.ordinal
    join version n on n.v = s.v
    where s.next_at is null and g.next_at is null
)
{% for clock in clocks %}
select
    f.version_id, '{{ clock }}',
    {% if clock == 'close' %}
    case when f.close_due_at is null then null when not f.judged_by_rule or f.close_start = 'received' then f.received_at else r.start_at end,
    f.close_due_at,
    case when f.close_due_at is null then null when f.judged_by_rule then 'rule' else 'platform' end,
    case when f.judged_by_rule then r.rule_id end,
    :calendar_version,
    f.judged_provisional,
    {% else %}
    case f.{{ clock }}_start when 'event' then r.start_at when 'received' then f.received_at end,
    f.{{ clock }}_due_at,
    case when f.{{ clock }}_due_at = f.{{ clock }}_own_due then 'rule' when f.{{ clock }}_due_at is not null then 'platform' end,
    r.rule_id,
    :calendar_version,
    coalesce(f.{{ clock }}_due_at = f.{{ clock }}_own_due and f.{{ clock }}_own_provisional, false),
    {% endif %}
    f.{{ clock }}_done_at,
    f.received_month
from final f
left join clock_rule r on r.v = f.v and r.clock = '{{ clock }}' and r.rule_id is not null
{{ 'union all' if not loop.last }}
{% endfor %}
