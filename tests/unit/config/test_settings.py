"""Loading and validation of settings from the environment, `.env` and secret files."""

import os

import pytest
from pydantic import ValidationError

from config.job_setting_groups import IngestSettings
from config.prices import Price
from config.setting_groups import LlmSettings
from config.settings import Settings, iter_settings, load
from pipeline.errors import SetupError

SECRETS = [setting.variable for setting in iter_settings() if setting.is_secret]


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.upper().startswith("REFDESK_") or name.removesuffix("_FILE") in SECRETS:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_load__empty_environment_uses_the_defaults():
    settings = load()
    assert settings.servers.database_url is None
    assert settings.answer.reranker == "auto"
    assert settings.jobs.max_attempts == 3
    assert settings.servers.home.is_absolute()


def test_load__reads_the_environment(monkeypatch):
    monkeypatch.setenv("REFDESK_TOP_N", "7")
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@h/d")
    settings = load()
    assert settings.answer.top_n == 7
    assert settings.servers.database_url is not None
    assert settings.servers.database_url.get_secret_value() == "postgresql://u:p@h/d"


def test_load__reads_env_file_and_the_environment_wins(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("REFDESK_TOP_N=7\nREFDESK_TOP_K=2\nPOSTGRES_PASSWORD=of-another-program\n")
    monkeypatch.setenv("REFDESK_TOP_K", "5")
    settings = load()
    assert (settings.answer.top_n, settings.answer.top_k) == (7, 5)


def test_load__an_empty_variable_counts_as_unset(monkeypatch):
    monkeypatch.setenv("REFDESK_TOP_N", "")
    monkeypatch.setenv("DATABASE_URL", "")
    assert load().answer.top_n == 50
    assert load().servers.database_url is None


@pytest.mark.parametrize("name", SECRETS)
def test_load__a_secret_comes_from_a_file(monkeypatch, tmp_path, name):
    (tmp_path / "secret").write_text("s3cret\n")
    monkeypatch.setenv(f"{name}_FILE", str(tmp_path / "secret"))
    settings = load()
    values = {one.variable: getattr(getattr(settings, one.group), one.name) for one in iter_settings()}
    assert values[name].get_secret_value() == "s3cret"
    assert name not in os.environ


def test_load__a_secret_file_may_be_named_in_the_env_file(tmp_path):
    (tmp_path / "secret").write_text("s3cret")
    (tmp_path / ".env").write_text(f"DISCORD_TOKEN_FILE={tmp_path / 'secret'}\n")
    token = load().discord.token
    assert token is not None
    assert token.get_secret_value() == "s3cret"


def test_load__a_missing_secret_file_is_named(monkeypatch):
    monkeypatch.setenv("REFDESK_LLM_API_KEY_FILE", "/nowhere/key")
    with pytest.raises(SetupError, match="REFDESK_LLM_API_KEY_FILE: /nowhere/key cannot be read"):
        load()


@pytest.mark.parametrize(
    ("content", "problem"), [(b" \n", "is empty"), (b"\xff\xfe\x00\x81", "is not a UTF-8 text file")]
)
def test_load__a_secret_file_without_a_secret_is_rejected(monkeypatch, tmp_path, content, problem):
    (tmp_path / "secret").write_bytes(content)
    monkeypatch.setenv("DISCORD_TOKEN_FILE", str(tmp_path / "secret"))
    with pytest.raises(SetupError, match=problem):
        load()


def test_load__all_invalid_variables_are_named_together(monkeypatch):
    monkeypatch.setenv("REFDESK_TOP_N", "many")
    monkeypatch.setenv("REFDESK_RECALL", "psychic")
    monkeypatch.setenv("REFDESK_LEASE_S", "inf")
    with pytest.raises(SetupError) as caught:
        load()
    assert all(name in str(caught.value) for name in ("REFDESK_TOP_N", "REFDESK_RECALL", "REFDESK_LEASE_S"))


def test_load__conflicting_values_are_rejected(monkeypatch):
    monkeypatch.setenv("REFDESK_CHUNK_TOKENS", "100")
    monkeypatch.setenv("REFDESK_CHUNK_OVERLAP", "60")
    with pytest.raises(
        SetupError, match=r"REFDESK_CHUNK_OVERLAP must be at most half of REFDESK_CHUNK_TOKENS \(100\), but is 60"
    ):
        load()


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("{bad", r"REFDESK_PRICES: must be JSON, for example \{"),
        ("[1]", "REFDESK_PRICES: Input should be a valid dictionary"),
        ('{"m": 3}', "REFDESK_PRICES: m: "),
        ('{"m": {"prompt": -1}}', "REFDESK_PRICES: m: prompt: .* greater than or equal to 0"),
        ('{"m": {"promt": 1}}', "REFDESK_PRICES: m: promt: Extra inputs are not permitted"),
        ('{"m": {"prompt": 1e999}}', "REFDESK_PRICES: m: prompt: .* finite"),
    ],
)
def test_load__an_invalid_price_table_is_rejected(monkeypatch, table, problem):
    monkeypatch.setenv("REFDESK_PRICES", table)
    with pytest.raises(SetupError, match=problem):
        load()


def test_price__the_table_overrides_the_single_prices(monkeypatch):
    monkeypatch.setenv("REFDESK_LLM_MODEL", "gpt-4o-mini")
    monkeypatch.setenv("REFDESK_LLM_PRICE_PROMPT_USD", "3")
    monkeypatch.setenv("REFDESK_RERANK_API_MODEL", "ranker")
    monkeypatch.setenv("REFDESK_RERANK_API_PRICE_CALL_USD", "4")
    assert load().llm_price == Price(prompt=3)
    assert load().rerank_api_price == Price(calls=4)
    monkeypatch.setenv("REFDESK_PRICES", '{"gpt-4o-mini": {"prompt": 0.15, "completion": 0.6}, "ranker": {"calls": 2}}')
    assert load().llm_price == Price(prompt=0.15, completion=0.6)
    assert load().rerank_api_price == Price(calls=2)
    monkeypatch.setenv("REFDESK_LLM_MODEL", "other")
    assert load().llm_price == Price(prompt=3)


@pytest.mark.parametrize("name", ["QUESTION", "USER_DAY", "SERVER_DAY"])
def test_budget__a_soft_limit_is_at_most_the_hard_one(monkeypatch, name):
    assert not load().budget.has_limit
    monkeypatch.setenv(f"REFDESK_BUDGET_{name}_SOFT_USD", "2")
    assert load().budget.has_limit
    monkeypatch.setenv(f"REFDESK_BUDGET_{name}_HARD_USD", "2")
    load()
    monkeypatch.setenv(f"REFDESK_BUDGET_{name}_HARD_USD", "1")
    with pytest.raises(
        SetupError, match=f"REFDESK_BUDGET_{name}_SOFT_USD must be at most REFDESK_BUDGET_{name}_HARD_USD"
    ):
        load()


def test_load__a_home_of_an_unknown_user_is_rejected(monkeypatch):
    monkeypatch.setenv("REFDESK_HOME", "~no-such-user/data")
    with pytest.raises(SetupError, match="REFDESK_HOME: the user ~no-such-user has no home folder"):
        load()


def test_load__home_is_made_absolute(monkeypatch, tmp_path):
    monkeypatch.setenv("REFDESK_HOME", "data")
    assert load().servers.home == tmp_path / "data"


def test_settings__cannot_be_changed():
    with pytest.raises(ValidationError):
        load().answer.top_n = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"REFDESK_DISCORD_SHARD_IDS": "0,x"}, r"REFDESK_DISCORD_SHARD_IDS: must be a list .* \(got '0,x'\)"),
        ({"REFDESK_DISCORD_SHARD_IDS": "3-0"}, "REFDESK_DISCORD_SHARD_IDS: must have ranges from the lower"),
        ({"REFDESK_DISCORD_SHARD_IDS": "0"}, "REFDESK_DISCORD_SHARD_IDS needs REFDESK_DISCORD_SHARD_COUNT"),
        (
            {"REFDESK_DISCORD_SHARD_IDS": "0-4", "REFDESK_DISCORD_SHARD_COUNT": "4"},
            r"REFDESK_DISCORD_SHARD_IDS must be below REFDESK_DISCORD_SHARD_COUNT \(4\), but contains 4",
        ),
    ],
)
def test_load__invalid_shards_are_rejected(monkeypatch, variables, problem):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SetupError, match=problem):
        load()


def test_load__reads_shards_as_numbers_and_ranges(monkeypatch):
    monkeypatch.setenv("REFDESK_DISCORD_SHARD_COUNT", "8")
    monkeypatch.setenv("REFDESK_DISCORD_SHARD_IDS", "6,0-2,2")
    assert load().discord.shard_ids == (0, 1, 2, 6)


def test_settings__a_group_given_in_code_ignores_the_environment(monkeypatch):
    monkeypatch.setenv("REFDESK_LLM_MODEL", "from-environment")
    monkeypatch.setenv("REFDESK_LLM_TIMEOUT_S", "5")
    llm = LlmSettings(base_url="http://127.0.0.1:9/v1")
    assert Settings(llm=llm).llm == llm
    assert (llm.model, llm.timeout_s) == ("", 60)


def test_settings__unknown_names_in_code_are_rejected():
    with pytest.raises(ValidationError, match="chunk_size"):
        IngestSettings(chunk_size=3)  # type: ignore[call-arg]


def test_settings__secrets_are_never_shown(monkeypatch):
    for name in SECRETS:
        monkeypatch.setenv(name, "s3cret")
    settings = load()
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in str(settings)
    assert "s3cret" not in settings.model_dump_json()


def test_load__an_error_does_not_show_secrets(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:s3cret@h/d")
    monkeypatch.setenv("REFDESK_TOP_N", "0")
    with pytest.raises(SetupError) as caught:
        load()
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
