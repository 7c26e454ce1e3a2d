"""Rules of diagnosis: locks and leases (LOCK)."""

from __future__ import annotations

from refold.properties.diagnosis.rules.symptom import Rules, after, never, shows

LOCK_RULES: Rules = {
    "lock-no-fencing": (
        shows(0.65, "stale-token-effect", "foreign-token-effect"),
        after(0.3, "pause", "paused", "jump-clock", "set-clock"),
        after(0.2, "locked-write"),
    ),
    "lock-release-steals": (
        shows(0.55, "two-lock-holders"),
        after(0.5, "released", "release"),
        never(0.7, "released", "release"),
    ),
    "lease-by-the-clients-clock": (
        shows(0.55, "two-lock-holders"),
        after(0.5, "set-clock", "clock-set"),
        never(0.8, "set-clock", "clock-set"),
    ),
    "lock-renewed-by-name": (shows(0.8, "lease-renewed-by-another"), after(0.2, "renew", "renewed")),
    "lock-time-frozen": (shows(0.75, "lock-never-freed", "lease-without-time"), after(0.2, "queued")),
    "lease-not-checked-after-wait": (
        shows(0.75, "lock-granted-to-the-dead"),
        after(0.3, "queued"),
        never(0.6, "queued"),
    ),
}
