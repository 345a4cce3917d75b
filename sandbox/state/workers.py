"""Customer-service workers of accounts, 客服 (WeChat §3)."""

from sandbox.state.store import Row, Store

MOST = 100  # per account


class WorkerLimit(Exception):
    """The account has as many workers as it may."""


class Workers:
    """The customer-service workers of all accounts."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of(self, appid: str) -> list[Row]:
        """An account's workers: `number`, `kf_account`, `nickname`, `wechat`."""
        return self._store.all("SELECT * FROM worker WHERE appid = ? ORDER BY number", appid)

    def knows(self, appid: str, kf_account: str) -> bool:
        """Whether the account has this worker."""
        found = self._store.one("SELECT 1 FROM worker WHERE appid = ? AND kf_account = ?", appid, kf_account)
        return found is not None

    def add(self, appid: str, kf_account: str, nickname: str) -> bool:
        """Add a worker; False when there is one of this name.

        Raises:
            WorkerLimit: a hundred are there already.
        """
        with self._store.transaction():
            if self.knows(appid, kf_account):
                return False
            if len(self.of(appid)) >= MOST:
                raise WorkerLimit
            self._store.run(
                "INSERT INTO worker (appid, kf_account, nickname) VALUES (?, ?, ?)",
                appid,
                kf_account,
                nickname,
            )
            return True

    def rename(self, appid: str, kf_account: str, nickname: str) -> None:
        """Give a worker another nickname."""
        self._store.run(
            "UPDATE worker SET nickname = ? WHERE appid = ? AND kf_account = ?", nickname, appid, kf_account
        )

    def bind(self, appid: str, kf_account: str, wechat: str) -> None:
        """Tie a worker to the WeChat id of a person, who is online from then on."""
        self._store.run(
            "UPDATE worker SET wechat = ? WHERE appid = ? AND kf_account = ?", wechat, appid, kf_account
        )

    def remove(self, appid: str, kf_account: str) -> None:
        """Remove a worker."""
        self._store.run("DELETE FROM worker WHERE appid = ? AND kf_account = ?", appid, kf_account)
