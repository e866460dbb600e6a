"""AWS Certificate Manager: the certificates that it has issued, which the world's own authority has signed."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_DNS, uuid5

from actors.parts.aws_api.plane import Handler, Output, Parameters, Plane
from actors.protocols.aws.errors import AwsError
from actors.protocols.aws.scalars import iso

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

MAX_ITEMS = 1000
"""ACM API reference, ListCertificates."""
NODE_TOPIC, LISTENER = "load-balancer-node/", "listener/"


class Acm:
    """The operations of ACM that look at certificates. None comes or goes while the world runs."""

    name = "acm"

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._domains = {
            plane.arn("acm", f"certificate/{uuid5(NAMESPACE_DNS, domain)}"): str(domain)
            for domain in plane.certificates
        }
        self.operations: Mapping[str, Handler] = {
            "ListCertificates": self._list_certificates,
            "DescribeCertificate": self._describe_certificate,
            "GetCertificate": self._get_certificate,
            "ListTagsForCertificate": self._list_tags,
            "ImportCertificate": self._import_certificate,
        }

    def start(self) -> None:
        """Nothing is kept but the files."""

    def _list_certificates(self, parameters: Parameters) -> Output:
        statuses = parameters.get("CertificateStatuses") or ["ISSUED"]
        includes = parameters.get("Includes", {})
        types = includes.get("keyTypes") or [
            "RSA_1024",
            "RSA_2048",
        ]  # ACM lists these alone unless told otherwise
        arns = list(self._domains) if "ISSUED" in statuses and "RSA_2048" in types else []
        size = parameters.get("MaxItems", MAX_ITEMS)
        first = self._position(arns, parameters.get("NextToken"))
        page, rest = arns[first : first + size], arns[first + size :]
        summaries = [self._summary(arn) for arn in page]
        return {"CertificateSummaryList": summaries, **({"NextToken": rest[0]} if rest else {})}

    @staticmethod
    def _position(arns: list[str], token: str | None) -> int:
        if token is None:
            return 0
        if token not in arns:
            raise AwsError("ValidationException", "The provided token is not valid.")
        return arns.index(token)

    def _describe_certificate(self, parameters: Parameters) -> Output:
        return {"Certificate": self._described(self._known(parameters["CertificateArn"]))}

    def _get_certificate(self, parameters: Parameters) -> Output:
        arn = self._known(parameters["CertificateArn"])
        path = self._path(arn)
        if not path.exists():
            what = f"The certificate {arn} is not available in this world, which has no files."
            raise AwsError("RequestInProgressException", what)
        marker = "-----BEGIN CERTIFICATE-----"
        _, leaf, *chain = path.read_text().split(marker)
        authority = (self._plane.context.directory / "ca.pem").read_text()
        certificates = [f"{marker}{each}".strip() for each in chain]
        return {
            "Certificate": f"{marker}{leaf}".strip(),
            "CertificateChain": "\n".join([*certificates, authority.strip()]),
        }

    def _list_tags(self, parameters: Parameters) -> Output:
        """They have none, and no operation here gives them any."""
        self._known(parameters["CertificateArn"])
        return {"Tags": []}

    def _import_certificate(self, parameters: Parameters) -> Output:
        what = "Cannot import certificates: the load balancers of this world have those that ACM has issued."
        raise AwsError("LimitExceededException", what)

    def _known(self, arn: str) -> str:
        if arn not in self._domains:
            what = f"Could not find certificate {arn} in account {self._plane.account}."
            raise AwsError("ResourceNotFoundException", what)
        return arn

    def _path(self, arn: str) -> Path:
        return self._plane.context.directory / "certs" / f"{self._domains[arn]}.pem"

    def _summary(self, arn: str) -> dict[str, Any]:
        described = self._described(arn)
        names = described.pop("SubjectAlternativeNames")
        left_out = ("Serial", "Subject", "Issuer", "SignatureAlgorithm", "InUseBy")
        kept = {key: value for key, value in described.items() if key not in left_out}
        return kept | {
            "SubjectAlternativeNameSummaries": names,
            "HasAdditionalSubjectAlternativeNames": False,
            "InUse": bool(described["InUseBy"]),
        }

    def _described(self, arn: str) -> dict[str, Any]:
        domain = self._domains[arn]
        described = {
            "CertificateArn": arn,
            "DomainName": domain,
            "SubjectAlternativeNames": [domain],
            "Status": "ISSUED",
            "Type": "AMAZON_ISSUED",
            "KeyAlgorithm": "RSA-2048",
            "SignatureAlgorithm": "SHA256WITHRSA",
            "InUseBy": self._users(arn),
        }
        path = self._path(arn)
        return described | (_of_file(path) if path.exists() else {})

    def _users(self, arn: str) -> list[str]:
        """The load balancers that show it."""
        users: dict[str, None] = {}
        for node in self._plane.load_balancer_nodes:
            items = self._plane.topics.topic(f"{NODE_TOPIC}{node}").items
            shown = [
                certificate["arn"]
                for key, listener in items.items()
                if key.startswith(LISTENER)
                for certificate in listener.get("certificates", ())
            ]
            if arn in shown and "load-balancer" in items:
                users[items["load-balancer"]["arn"]] = None
        return list(users)


def _of_file(path: Path) -> dict[str, Any]:
    """What the certificate itself says."""
    from cryptography import x509  # slow to load, and not always wanted

    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    dates = {
        "NotBefore": iso(certificate.not_valid_before_utc),
        "NotAfter": iso(certificate.not_valid_after_utc),
    }
    issued = {"CreatedAt": dates["NotBefore"], "IssuedAt": dates["NotBefore"]}
    return {
        "Serial": _serial(certificate),
        "Subject": certificate.subject.rfc4514_string(),
        "Issuer": certificate.issuer.rfc4514_string(),
        **dates,
        **issued,
    }


def _serial(certificate: "Certificate") -> str:
    number = certificate.serial_number
    return number.to_bytes(max(1, (number.bit_length() + 7) // 8)).hex(":")
