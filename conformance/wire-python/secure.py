"""The PostgreSQL door over TLS: `rowhouse serve` before the PostgreSQL of `rowhouse dev`, with
certificates whose authority is not one of the system's."""

import os
import re
import subprocess

import door

KEY = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
USER = """
[[user]]
name = "reports"
auth = "certificate"
principal = "tenant"
tenant = "2"
secret = "arn:aws:secretsmanager:us-east-1:000000000000:secret:app_user"
"""


def openssl(folder, command):
    subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)


def authority(folder, name):
    subject = f"-subj /CN={name} -addext keyUsage=critical,keyCertSign"
    openssl(folder, f"req -x509 -days 2 {KEY} -keyout {name}.key -out {name}.pem {subject}")
    return folder / f"{name}.pem"


def certificate(folder, by, name, host):
    (folder / "names").write_text(f"subjectAltName=DNS:{host}\nbasicConstraints=CA:FALSE\n")
    openssl(folder, f"req {KEY} -keyout {name}.key -out {name}.csr -subj /CN={host}")
    signing = f"-CA {by}.pem -CAkey {by}.key -CAcreateserial -extfile names"
    openssl(folder, f"x509 -req -days 2 -in {name}.csr {signing} -out {name}.pem")
    # libpq takes no key that others may read.
    (folder / f"{name}.key").chmod(0o600)


class SecureDoor:
    """The door; and files beside its certificate: `first.pem`, `other.pem`, `reports.pem`."""

    def __init__(self, folder, **settings):
        self.folder = folder
        self.root = authority(folder, "first")
        self.other = authority(folder, "other")
        certificate(folder, "first", "server", "localhost")
        certificate(folder, "first", "reports", "reports")
        settings = {
            "HTTP__LISTEN": "127.0.0.1:0",
            "ADMIN__LISTEN": "127.0.0.1:0",
            "WIRE__LISTEN": "127.0.0.1:0",
            # The one beside the configuration is that of the gateway that runs.
            "USAGE__JOURNAL_DIR": str(folder / "usage"),
            "WIRE__TLS_CERTIFICATE_FILE": str(folder / "server.pem"),
            "WIRE__TLS_KEY_FILE": str(folder / "server.key"),
            "WIRE__TLS_CLIENT_AUTH": "optional",
            "WIRE__TLS_CLIENT_CA_FILE": str(self.root),
        } | settings
        config = door.DATA_DIR / "secure.toml"
        config.write_text((door.DATA_DIR / "rowhouse.toml").read_text() + USER)
        self.process = subprocess.Popen(
            [door.PROGRAM, "serve", "--config", config],
            stdout=subprocess.PIPE,
            stderr=(folder / "log").open("w"),
            text=True,
            env=os.environ | {f"ROWHOUSE_{name}": value for name, value in settings.items()},
        )
        ready = self.process.stdout.readline()
        port = re.search(r"pg=127\.0\.0\.1:(\d+)", ready)
        assert port, (folder / "log").read_text()
        self.port = int(port[1])

    def stop(self):
        self.process.terminate()
        assert self.process.wait(timeout=door.SOON_S) == 0

    def login(self, user="t1", **more):
        """As libpq takes it, in its strictest way."""
        return {
            "host": "localhost",
            "port": self.port,
            "user": user,
            "password": door.PASSWORDS.get(user, door.SEED_PASSWORD),
            "dbname": "rls_vip",
            "sslmode": "verify-full",
            "sslrootcert": str(self.root),
            "sslcert": "none",
            "channel_binding": "require",
        } | more
