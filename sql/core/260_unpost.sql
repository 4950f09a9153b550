-- What was posted of the changed tickets goes; what is true of them now comes behind it.
-- reads:  changed_ticket
-- writes: core.posting, core.passage, core.clock
{% from 'macros.sql' import of_changed %}

{% for table in ['posting', 'passage', 'clock'] %}
delete from core.{{ table }} where {{ of_changed() }};

{% endfor %}
