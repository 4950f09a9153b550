# Airflow's own image with our lock over it: the same versions as on a developer's machine.
FROM apache/airflow:3.3.2-python3.11

# The lock is installed over the image's own set, with hashes; what the image has more stays at the versions that Airflow released it
# with. `pip check` fails the build where the two do not agree.
COPY --chown=airflow:0 requirements.lock /opt/petitions/requirements.lock
RUN pip install --no-cache-dir --require-hashes --requirement /opt/petitions/requirements.lock && pip check

COPY --chown=airflow:0 . /opt/petitions
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable /opt/petitions \
    && python -m compileall -q /opt/petitions/plugins /opt/petitions/dags

ENV PETITIONS_HOME=/var/lib/petitions \
    PETITIONS_CONFIG=/opt/petitions/config \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/petitions/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/petitions/plugins \
    GX_ANALYTICS_ENABLED=False

USER root
RUN install -d -o airflow -g 0 -m 0770 /var/lib/petitions && install -d -o airflow -g 0 -m 0755 /var/lib/petitions/reports
USER airflow
WORKDIR /opt/petitions
