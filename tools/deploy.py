"""Write into `deploy/` what starts the product elsewhere, from the Procfile alone.

`python -m tools.deploy` writes it; a test holds that what is committed is just that. So
no unit and no container can drift from the processes that `make run` starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from honcho.environ import parse_procfile

from tools.setup import LIBRARIES

ROOT = Path(__file__).resolve().parent.parent
NAME = "qualifications"
ADDRESS, PORT = "127.0.0.1", 8000
USER_ID = 10001  # of the user in the image, whose files the volume holds
POSTGRESQL = 15  # Debian 12's, whose pg_dump is in the image
MADE = "# Made from the Procfile by tools/deploy.py; a test holds it so.\n"

# What one kind of process has that the others have not.
UNITS = {
    "web": f"Requires={NAME}-web.socket\nAfter={NAME}-web.socket\n",
}
SERVICES = {"web": "Type=notify\nNotifyAccess=main\n"}
# How long each may take to end: the worker ends what it has begun.
SECONDS_TO_END = {"web": 30, "worker": 90, "clock": 30}


def processes() -> Mapping[str, str]:
    """Return the command of each process."""
    found: Mapping[str, str] = parse_procfile((ROOT / "Procfile").read_text()).processes
    return found


# --- systemd ---------------------------------------------------------------------

HARDENING = """\
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
UMask=0027
"""
# Where it lives, and what it may write to.
PLACE = f"""\
User={NAME}
Group={NAME}
WorkingDirectory=/srv/{NAME}
EnvironmentFile=/etc/{NAME}/env
Environment=HOME=/var/lib/{NAME} XDG_CACHE_HOME=/var/cache/{NAME}
Environment=PYTHONUNBUFFERED=1 LISTEN={ADDRESS} PORT={PORT}
StateDirectory={NAME}
StateDirectoryMode=0750
CacheDirectory={NAME}
"""


def in_its_folder(command: str) -> str:
    """Return what systemd starts: the command in the very folder of its release.

    /srv/qualifications is a link, which an upgrade turns to a folder beside: who runs
    already goes on to load what belongs to it.
    """
    words = f'cd -P . && PATH="$PWD/.venv/bin:$PATH" && {command}'
    escaped = words.replace("\\", "\\\\").replace("%", "%%").replace("$", "$$")
    return "/bin/sh -c '{}'".format(escaped.replace("'", "'\\''"))


def unit(name: str, command: str) -> str:
    return (
        MADE
        + f"""\
[Unit]
Description=ByteKast Qualifications: {name}
Documentation=file:///srv/{NAME}/docs/operations.md
PartOf={NAME}.target
Wants=network-online.target
After=network-online.target postgresql.service redis-server.service
StartLimitIntervalSec=0
{UNITS.get(name, "")}
[Service]
{SERVICES.get(name, "")}{PLACE}\
ExecStart={in_its_folder(command)}
Restart=always
RestartSec=1
KillMode=control-group
TimeoutStopSec={SECONDS_TO_END[name]}
{HARDENING}
[Install]
WantedBy={NAME}.target
"""
    )


def socket() -> str:
    return (
        MADE
        + f"""\
# Held by systemd: while the web process is started anew, who asks waits and is answered.
[Unit]
Description=ByteKast Qualifications: where the web process is asked
PartOf={NAME}.target

[Socket]
ListenStream={ADDRESS}:{PORT}
Backlog=1024

[Install]
WantedBy={NAME}.target
"""
    )


def target() -> str:
    wanted = " ".join(f"{NAME}-{name}.service" for name in processes())
    return (
        MADE
        + f"""\
[Unit]
Description=ByteKast Qualifications
Wants={NAME}-web.socket {wanted} {NAME}-backup.timer

[Install]
WantedBy=multi-user.target
"""
    )


def backup_service() -> str:
    return (
        MADE
        + f"""\
[Unit]
Description=ByteKast Qualifications: a backup
Documentation=file:///srv/{NAME}/docs/operations.md

[Service]
Type=oneshot
{PLACE}\
ExecStart={
            in_its_folder(
                "exec python manage.py backup --to /var/backups/qualifications --keep 14"
            )
        }
ReadWritePaths=/var/backups/{NAME}
Nice=10
IOSchedulingClass=idle
{HARDENING}"""
    )


def backup_timer() -> str:
    return (
        MADE
        + f"""\
[Unit]
Description=ByteKast Qualifications: a backup each night
PartOf={NAME}.target

[Timer]
OnCalendar=*-*-* 02:30:00
RandomizedDelaySec=15min
Persistent=yes

[Install]
WantedBy={NAME}.target
"""
    )


# --- Containers ------------------------------------------------------------------


def as_list(command: str) -> str:
    """Return the command as a list in JSON, for a shell of its own."""
    escaped = command.replace("\\", "\\\\").replace('"', '\\"')
    return f'["sh", "-c", "{escaped}"]'


def dockerfile() -> str:
    libraries = " ".join(LIBRARIES)
    return f"""\
{MADE}\
# Build it in the folder above: docker build --file deploy/Dockerfile --tag {NAME} .
FROM debian:bookworm-slim AS packages
ENV DEBIAN_FRONTEND=noninteractive \\
    UV_COMPILE_BYTECODE=1 \\
    UV_LINK_MODE=copy \\
    UV_PROJECT_ENVIRONMENT=/srv/{NAME}/.venv \\
    UV_PYTHON_DOWNLOADS=never
RUN apt-get update \\
 && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv \\
 && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/{NAME}
COPY tools/uv.txt tools/uv.txt
RUN python3 -m venv /opt/uv \\
 && /opt/uv/bin/pip install --no-cache-dir --require-hashes --only-binary :all: \\
    --requirement tools/uv.txt
COPY pyproject.toml uv.lock ./
RUN /opt/uv/bin/uv sync --frozen --no-dev --no-cache --no-build \\
    --extra sentry

FROM debian:bookworm-slim
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update \\
 && apt-get install -y --no-install-recommends ca-certificates python3 \\
    postgresql-client {libraries} \\
 && rm -rf /var/lib/apt/lists/*
RUN useradd --uid {USER_ID} --no-create-home --home-dir /data --shell /usr/sbin/nologin {NAME} \\
 && install -d -o {NAME} -g {NAME} -m 0750 /data /backups
WORKDIR /srv/{NAME}
COPY --from=packages /srv/{NAME}/.venv .venv
COPY . .
ENV BEHIND_PROXY=1 \\
    DATA_DIR=/data \\
    HOME=/data \\
    LISTEN=0.0.0.0 \\
    PATH=/srv/{NAME}/.venv/bin:/usr/bin:/bin \\
    PORT={PORT} \\
    PYTHONDONTWRITEBYTECODE=1 \\
    PYTHONUNBUFFERED=1 \\
    XDG_CACHE_HOME=/tmp
USER {USER_ID}:{USER_ID}
VOLUME ["/data"]
EXPOSE {PORT}
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["python", "tools/healthy.py"]
CMD {as_list(processes()["web"])}
"""


def compose() -> str:
    ours = "\n".join(
        f"""\
  {name}:
    <<: *product
    command: {as_list(command.replace("$", "$$"))}
    depends_on:
      set-up: {{ condition: service_completed_successfully }}
    stop_grace_period: {SECONDS_TO_END[name]}s
{HEALTH.get(name, "")}"""
        for name, command in processes().items()
    )
    return f"""\
{MADE}{COMPOSE_HEAD}{ours}{COMPOSE_TAIL}"""


HEALTH = {
    "web": """\
    networks: [inside, edge]
    healthcheck:
      test: ["CMD", "python", "tools/healthy.py"]
      interval: 10s
      timeout: 5s
      start_period: 60s
""",
    # They serve nobody: what they wrote down of themselves is read.
    **{
        name: f"""\
    healthcheck:
      test: ["CMD", "python", "manage.py", "doctor", "--only", "{name}"]
      interval: 60s
      timeout: 30s
      start_period: 120s
"""
        for name in ("worker", "clock")
    },
}

COMPOSE_HEAD = f"""\
# docs/operations.md tells how to use it. In this folder: `sh make-secrets HOST ADDRESS`
# once, then `docker compose up --detach --build`.
name: {NAME}

x-product: &product
  image: {NAME}
  build: {{ context: .., dockerfile: deploy/Dockerfile }}
  env_file: [secrets/env]
  environment:
    DATABASE_URL_FILE: /run/secrets/database_url
    REDIS_URL_FILE: /run/secrets/redis_url
    SECRET_KEY_FILE: /run/secrets/secret_key
    TURN_SECRET_FILE: /run/secrets/turn_secret
  secrets: [database_url, redis_url, secret_key, turn_secret]
  networks: [inside, out]
  read_only: true
  tmpfs: [/tmp]
  volumes: ["data:/data", "backups:/backups"]
  cap_drop: [ALL]
  security_opt: ["no-new-privileges:true"]
  restart: unless-stopped
  init: true

services:
  set-up:
    <<: *product
    command: ["python", "tools/prepare.py"]
    depends_on:
      database: {{ condition: service_healthy }}
      cache: {{ condition: service_healthy }}
    restart: "no"
    healthcheck: {{ disable: true }}
"""

COMPOSE_TAIL = f"""\
  proxy:
    image: caddy:2
    env_file: [secrets/env]
    environment: {{ UPSTREAM: "web:{PORT}" }}
    ports: ["80:80", "443:443", "443:443/udp"]
    networks: [edge]
    read_only: true
    tmpfs: [/tmp]
    volumes:
      - ./Caddyfile:/etc/caddy/Caddyfile:ro
      - certificates:/data
      - proxy:/config
    cap_drop: [ALL]
    cap_add: [NET_BIND_SERVICE]
    security_opt: ["no-new-privileges:true"]
    restart: unless-stopped
    depends_on:
      web: {{ condition: service_healthy }}
    healthcheck:
      test: ["CMD", "wget", "-qO-", "http://127.0.0.1:2019/config/"]
      interval: 10s
      timeout: 5s
  database:
    image: postgres:{POSTGRESQL}
    environment:
      POSTGRES_USER: {NAME}
      POSTGRES_DB: {NAME}
      POSTGRES_PASSWORD_FILE: /run/secrets/database_password
    secrets: [database_password]
    networks: [inside]
    shm_size: 256m
    read_only: true
    tmpfs: [/tmp, /run/postgresql]
    volumes: ["database:/var/lib/postgresql/data"]
    cap_drop: [ALL]
    cap_add: [CHOWN, DAC_OVERRIDE, FOWNER, SETGID, SETUID]
    security_opt: ["no-new-privileges:true"]
    restart: unless-stopped
    stop_grace_period: 60s
    healthcheck:
      test: ["CMD", "pg_isready", "--username={NAME}", "--dbname={NAME}"]
      interval: 5s
      timeout: 5s
      start_period: 60s
  cache:
    image: redis:7
    command:
      - sh
      - -c
      - >-
        exec redis-server --save "" --appendonly no
        --maxmemory 256mb --maxmemory-policy volatile-lru
        --requirepass "$$(cat /run/secrets/cache_password)"
    user: "999:999"
    secrets: [cache_password]
    networks: [inside]
    read_only: true
    tmpfs: [/data]
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    restart: unless-stopped
    healthcheck:
      test:
        - CMD-SHELL
        - REDISCLI_AUTH="$$(cat /run/secrets/cache_password)" redis-cli ping | grep PONG
      interval: 5s
      timeout: 5s
  relay: # on this machine for a start; better on one of its own (docs/coturn.conf)
    image: coturn/coturn:4.6
    command: ["-c", "/run/secrets/turnserver"]
    secrets: [turnserver]
    network_mode: host
    read_only: true
    tmpfs: [/var/lib/coturn, /var/run, /tmp]
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    restart: unless-stopped

networks:
  edge: {{}} # the proxy and the web process
  inside: {{ internal: true }} # the database and the cache: they see nobody else
  out: {{}} # mail, the time-stamp authority

volumes:
  data: {{}}
  backups: {{}}
  database: {{}}
  certificates: {{}}
  proxy: {{}}

secrets:
  cache_password: {{ file: secrets/cache_password }}
  database_password: {{ file: secrets/database_password }}
  database_url: {{ file: secrets/database_url }}
  redis_url: {{ file: secrets/redis_url }}
  secret_key: {{ file: secrets/secret_key }}
  turn_secret: {{ file: secrets/turn_secret }}
  turnserver: {{ file: secrets/turnserver.conf }}
"""


def files() -> Mapping[str, str]:
    """Return each file that is made, by its path below `deploy/`."""
    units = {
        f"systemd/{NAME}-{name}.service": unit(name, command)
        for name, command in processes().items()
    }
    return units | {
        f"systemd/{NAME}-web.socket": socket(),
        f"systemd/{NAME}.target": target(),
        f"systemd/{NAME}-backup.service": backup_service(),
        f"systemd/{NAME}-backup.timer": backup_timer(),
        "Dockerfile": dockerfile(),
        "compose.yaml": compose(),
    }


if __name__ == "__main__":
    for name, text in files().items():
        path = ROOT / "deploy" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
