"""What production refuses, and what a process is told where nothing is said."""

from __future__ import annotations

import pytest

from engage import config

SAFE = {
    "ENGAGE_ENV": "production",
    "ENGAGE_SECRET_KEY": "s" * 32,
    "ENGAGE_DATA_KEY": "b3RoZXIta2V5LW90aGVyLWtleS1vdGhlci1rZXktMTI=",
    "ENGAGE_DATABASE_URL": "postgresql://engage_app@db/engage",
    "ENGAGE_REDIS_URL": "redis://redis",
    "ENGAGE_PUBLIC_URL": "https://clinic.example",
    "ENGAGE_SMS_URL": "https://sms.example",
}


def test_production_starts_where_everything_is_said() -> None:
    settings = config.load(SAFE)
    assert settings.production
    assert settings.sms_url == "https://sms.example"
    assert settings.proxies == {"127.0.0.1", "::1"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENGAGE_SECRET_KEY", "short"),
        ("ENGAGE_DATA_KEY", ""),
        ("ENGAGE_DATABASE_URL", ""),
        ("ENGAGE_REDIS_URL", ""),
        ("ENGAGE_PUBLIC_URL", "http://clinic.example"),
        ("ENGAGE_LIVE_URL", "http://clinic.example"),
        ("ENGAGE_WECHAT_API_URL", "http://127.0.0.1:8001"),
        ("ENGAGE_SMS_URL", ""),
        ("ENGAGE_SMS_URL", "http://127.0.0.1:8001"),
    ],
)
def test_production_refuses_to_start_and_names_the_setting(name: str, value: str) -> None:
    family = "ENGAGE_WECHAT_" if name.startswith("ENGAGE_WECHAT") else name
    with pytest.raises(config.ConfigError, match=family):
        config.load({**SAFE, name: value})


ALIYUN = {
    "ENGAGE_SMS_URL": "",
    "ENGAGE_SMS_KEY": "key",
    "ENGAGE_SMS_SECRET": "secret",
    "ENGAGE_SMS_SIGN": "康美口腔",
    "ENGAGE_SMS_CODE_TEMPLATE": "SMS_1",
}


def test_with_aliyun_no_other_provider_is_needed() -> None:
    assert config.load({**SAFE, **ALIYUN}).sms_sign == "康美口腔"


@pytest.mark.parametrize("name", ["ENGAGE_SMS_SECRET", "ENGAGE_SMS_SIGN", "ENGAGE_SMS_CODE_TEMPLATE"])
def test_aliyun_without_all_it_needs_is_refused(name: str) -> None:
    with pytest.raises(config.ConfigError, match="Aliyun"):
        config.load({**SAFE, **ALIYUN, name: ""})


def test_several_proxies_are_named_with_commas() -> None:
    assert config.load({**SAFE, "ENGAGE_PROXIES": " 10.0.0.2,10.0.0.3 ,"}).proxies == {"10.0.0.2", "10.0.0.3"}
