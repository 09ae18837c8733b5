"""A bucket that speaks S3 as the place of the published log.

Address, region and credentials are boto3's own settings (its environment and files), not ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from archive.publishing import CHECKPOINT, PublishError

IMMUTABLE = "public, max-age=31536000, immutable"
_PLACE = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([A-Za-z0-9._/-]*))?", re.ASCII)
_MISSING = ("404", "NoSuchKey")
_CHANGED = ("409", "412", "ConditionalRequestConflict", "PreconditionFailed")


def bucket_target(place: str) -> BucketTarget:
    match = _PLACE.fullmatch(place)
    if match is None:
        raise PublishError(f"{place} is not of the form s3://bucket or s3://bucket/prefix")
    prefix = (match[2] or "").strip("/")
    # The newer checksums of the client travel in trailers, which other servers may not know.
    how = Config(
        connect_timeout=10,
        read_timeout=60,
        retries={"mode": "standard", "max_attempts": 5},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    try:
        client = boto3.client("s3", config=how)
    except BotoCoreError as error:
        raise PublishError(f"cannot publish to {place} ({error})") from error
    return BucketTarget(place, client, match[1], f"{prefix}/" if prefix else "")


class BucketTarget:
    """An object is there whole, and durable, when its upload is answered."""

    def __init__(self, name: str, client: Any, bucket: str, prefix: str) -> None:
        self.name = name
        self._client, self._bucket, self._prefix = client, bucket, prefix
        self._etag: str | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody is kept out: of two at once, one finds the checkpoint changed and stops."""
        try:
            yield
        except (BotoCoreError, ClientError) as error:
            raise PublishError(f"cannot publish to {self.name} ({error})") from error

    def checkpoint(self) -> bytes | None:
        try:
            found = self._client.get_object(Bucket=self._bucket, Key=self._prefix + CHECKPOINT)
        except ClientError as error:
            if _code(error) in _MISSING:
                self._etag = None
                return None
            raise
        self._etag = found["ETag"]
        return bytes(found["Body"].read())

    def put(self, path: str, data: bytes) -> None:
        self._client.put_object(
            Bucket=self._bucket,
            Key=self._prefix + path,
            Body=data,
            ContentType="application/octet-stream",
            CacheControl=IMMUTABLE,
        )

    def settle(self) -> None:
        """Each answer said that it was kept."""

    def put_checkpoint(self, note: bytes, earlier: bytes | None) -> None:
        unchanged = {"IfNoneMatch": "*"} if earlier is None else {"IfMatch": self._etag}
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=self._prefix + CHECKPOINT,
                Body=note,
                ContentType="text/plain; charset=utf-8",
                CacheControl="no-cache",
                **unchanged,
            )
        except ClientError as error:
            if _code(error) in _CHANGED:
                raise PublishError(
                    f"the checkpoint in {self.name} was changed meanwhile: try again"
                ) from error
            raise

    def drop_partials(self, path: str) -> None:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=f"{self._prefix}{path}.p/"
        )
        for page in pages:
            for each in page.get("Contents", []):
                self._client.delete_object(Bucket=self._bucket, Key=each["Key"])


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
