-- What was posted of the changed tickets goes; what is true of them now comes behind it.
-- reads:  changed_ticket, version, gone_version
-- writes: core.posting, core.passage, core.clock
{% from 'macros.sql' import of_changed, of_versions %}

delete from core.posting where {{ of_versions() }};

delete from core.clock where {{ of_versions() }};

delete from core.passage where {{ of_changed() }};
