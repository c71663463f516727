# The bot without torch: chat, page, API, schedules. `--target train` has torch too, and what training needs.
#   docker build -t apocrypha .  &&  docker run -v apocrypha:/data apocrypha chat
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python3 -m venv /opt/apocrypha
WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY corpora corpora
COPY training training
COPY generators generators
COPY bot bot
RUN apt-get update -qq && apt-get install -qq --no-install-recommends binutils >/dev/null
# Without bytecode, tests, sources of C, symbols (but for libraries that a wheel has packed: strip breaks these), AVIF,
# ONNX Runtime's tools and its library for other languages: half the size.
RUN /opt/apocrypha/bin/pip install --no-compile -c constraints.txt '.[social,web,postgresql]' \
    && cd /opt/apocrypha/lib/python3*/site-packages \
    && rm -rf onnx/backend onnx/reference numpy/distutils numpy/f2py sqlalchemy/testing pillow.libs/libavif* \
    && rm -rf onnxruntime/transformers onnxruntime/quantization onnxruntime/tools onnxruntime/datasets \
    && rm -f onnxruntime/capi/libonnxruntime.so.* \
    && find . -depth \( -name tests -o -name test -o -name include \) -type d -exec rm -rf {} + \
    && find . \( -name '*.pyi' -o -name '*.pxd' -o -name '*.pyx' -o -name '*.[ach]' -o -name '*.cc' \) -delete \
    && find . -name '*.so' -not -path '*.libs/*' -exec strip --strip-unneeded {} + \
    && /opt/apocrypha/bin/pip uninstall --yes --quiet pip setuptools

FROM ${BASE} AS train
COPY --from=build /source /source
RUN python3 -m venv /opt/apocrypha \
    && /opt/apocrypha/bin/pip install --no-cache-dir -c /source/constraints.txt '/source[social,web,postgresql,train]'
RUN useradd --uid 10001 --create-home apocrypha && install -d -o apocrypha -g apocrypha /data
ENV PATH=/opt/apocrypha/bin:$PATH APOCRYPHA_HOME=/data PYTHONUNBUFFERED=1
USER apocrypha
VOLUME /data
ENTRYPOINT ["apocrypha"]
CMD ["train", "--help"]

FROM ${BASE} AS run
RUN useradd --uid 10001 --no-create-home apocrypha && install -d -o apocrypha -g apocrypha /data
COPY --from=build /opt/apocrypha /opt/apocrypha
ENV PATH=/opt/apocrypha/bin:$PATH APOCRYPHA_HOME=/data PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER apocrypha
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["apocrypha", "status"]
ENTRYPOINT ["apocrypha"]
CMD ["run"]
