-- The temporary tables of 200 to 211 go, all but changed_ticket and gone_version. Both the warehouse and the bench run it.

drop table if exists touched_sighting;

drop table if exists touched_content;

drop table if exists undated_content;

drop table if exists version_before;

drop table if exists version_now;

drop table if exists sighting_made;
