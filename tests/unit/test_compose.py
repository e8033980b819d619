"""Check the Compose file with two programs that read the format; no container engine is needed."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.settings import iter_settings, load

ROOT = Path(__file__).parent.parent.parent
COMPOSE = ROOT / "docker-compose.yml"
SERVICES = {
    "postgres",
    "redis",
    "migrate",
    "worker-query",
    "worker-ingest",
    "bot",
    "metrics",
    "llm",
    "llm-model",
    "llm-volume",
}
ONE_SHOT = {"migrate", "llm-model", "llm-volume"}
OUR_IMAGES = {"refdesk-worker", "refdesk-bot"}
# Variables that third-party images read.
KNOWN_TO_IMAGES = {
    "POSTGRES_USER",
    "POSTGRES_DB",
    "POSTGRES_PASSWORD",
    "POSTGRES_INITDB_ARGS",
    "REDIS_PASSWORD",
    "HOME",
    "OLLAMA_MODELS",
    "OLLAMA_KEEP_ALIVE",
    "OLLAMA_HOST",
}
SETTINGS = {setting.variable for setting in iter_settings()} | {
    f"{setting.variable}_FILE" for setting in iter_settings() if setting.is_secret
}


def run_parser(tmp_path: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    # The parser only asks podman for its version.
    podman = tmp_path / "podman"
    podman.write_text("#!/bin/sh\necho podman version 5.5.0\n")
    podman.chmod(0o755)
    arguments = ["--profile", "bot", "--profile", "llm", "--profile", "metrics", "config"]
    return subprocess.run(
        [sys.executable, "-m", "podman_compose", "-f", COMPOSE, *arguments],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    done = run_parser(tmp_path_factory.mktemp("bin"), {"POSTGRES_PASSWORD": "pgsecret", "REDIS_PASSWORD": "rdsecret"})
    assert done.returncode == 0, done.stderr
    read: dict[str, Any] = yaml.safe_load(done.stdout)["services"]
    return read


def variables(service: dict[str, Any]) -> dict[str, str]:
    environment = service.get("environment", {})
    if isinstance(environment, dict):
        return environment
    return dict(item.split("=", 1) for item in environment)


def test_compose__matches_the_published_schema():
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout


def test_compose__the_schema_check_finds_a_wrong_key(tmp_path):
    (tmp_path / "wrong.yml").write_text("services: {a: {image: x, restarts: always}}")
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", tmp_path / "wrong.yml"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "restarts" in done.stdout


def test_compose__has_every_service(services):
    assert set(services) == SERVICES


def test_compose__missing_passwords_are_reported(tmp_path):
    done = run_parser(tmp_path, {})
    assert done.returncode != 0
    assert "set POSTGRES_PASSWORD in .env" in done.stderr


def test_compose__every_variable_is_a_setting_or_known_to_the_image(services):
    for name, service in services.items():
        known = SETTINGS if service["image"] in OUR_IMAGES else KNOWN_TO_IMAGES
        assert set(variables(service)) <= known, name


def test_compose__every_variable_it_asks_for_is_in_the_example():
    asked = set(re.findall(r"\$\{(\w+)", COMPOSE.read_text(encoding="utf-8")))
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert {name for name in asked if f"#{name}=" not in example} == set()


def test_compose__what_it_sets_makes_valid_settings(services, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for service in services.values():
        if service["image"] not in OUR_IMAGES:
            continue
        for name, value in variables(service).items():
            monkeypatch.setenv(name, value)
        settings = load()
        assert settings.servers.database_url is not None
        assert settings.servers.redis_url is not None
        assert settings.servers.database_url.get_secret_value() == "postgresql://refdesk:pgsecret@postgres:5432/refdesk"
        assert settings.servers.redis_url.get_secret_value() == "redis://:rdsecret@redis:6379/0"


def test_compose__every_service_is_limited_and_runs_again(services):
    for name, service in services.items():
        limits = service["deploy"]["resources"]["limits"]
        assert set(limits) == {"cpus", "memory"}, name
        assert service["restart"] in ({"no", "on-failure:5"} if name in ONE_SHOT else {"unless-stopped"}), name
        assert ("healthcheck" in service) == (name not in ONE_SHOT), name
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}, name


def test_compose__every_service_is_hardened(services):
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service.get("read_only") or name == "llm", name
        assert service.get("user") not in {"root", "0"}, name
        assert "ports" not in service, f"{name} opens a port to the outside"
        assert not service.get("privileged"), name


def test_compose__no_service_of_ours_runs_as_root():
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    runtime = dockerfile[dockerfile.index("AS runtime") :]
    assert "USER refdesk" in runtime
    assert "USER root" not in runtime


def test_compose__images_are_pinned(services):
    for name, service in services.items():
        if service["image"] not in OUR_IMAGES:
            assert re.search(r":\d+\.\d", service["image"]), name
    major, minor, patch = re.findall(r"pgvector:(\d+)\.(\d+)\.(\d+)", services["postgres"]["image"])[0]
    assert (int(major), int(minor), int(patch)) >= (0, 8, 4)


def test_compose__database_and_queue_reach_nobody_outside(services):
    networks = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["networks"]
    assert networks["inside"]["internal"] is True
    for name in ("postgres", "redis"):
        assert list(services[name]["networks"]) == ["inside"]


def test_compose__redis_has_a_password_and_an_append_only_file(services):
    command = json.dumps(services["redis"]["command"])
    assert "requirepass" in command
    assert "--appendonly yes" in command
    assert "rdsecret" not in command


def test_compose__every_build_target_is_in_the_dockerfile(services):
    stages = set(re.findall(r"^FROM .* AS (\S+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE))
    targets = {service["build"]["target"] for service in services.values() if "build" in service}
    assert targets == {"worker", "bot"}
    assert targets <= stages


def test_dockerfile__copies_every_package():
    patterns = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for package in ROOT.glob("*/__init__.py"):
        assert f"!{package.parent.name}" in patterns
