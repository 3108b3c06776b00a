"""Records botocore.json: requests of the real AWS SDK for Python, caught just before the socket.

Run with botocore installed: python record.py > botocore.json
"""

import datetime
import json
import sys
from unittest import mock

import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials
import botocore.session

NOW = datetime.datetime(2026, 11, 21, 23, 59, 58, tzinfo=datetime.timezone.utc)
CLUSTER = "arn:aws:rds:us-east-1:000000000000:cluster:dev"
SECRET = "arn:aws:secretsmanager:us-east-1:000000000000:secret:app_user"
TARGET = {"resourceArn": CLUSTER, "secretArn": SECRET}
TOKEN = "IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCXVzLWVhc3QtMSJ+token/with+slashes=="

# Never signed, and different at every run.
LEFT_OUT = {"user-agent", "amz-sdk-invocation-id"}

# name, service, region, session token, operation, arguments
CALLS = [
    ("execute", "rds-data", "us-east-1", None, "ExecuteStatement", {**TARGET, "sql": "select 1"}),
    ("execute other region", "rds-data", "eu-central-1", None, "ExecuteStatement",
     {**TARGET, "sql": "select 1", "database": "onlineshop"}),
    ("execute not ASCII", "rds-data", "us-east-1", None, "ExecuteStatement",
     {**TARGET, "sql": "select 'Größe ☂ 値段 \U0001f3e0'"}),
    ("execute parameters", "rds-data", "us-east-1", None, "ExecuteStatement",
     {**TARGET, "sql": "select :a, :b, :c", "includeResultMetadata": True, "parameters": [
         {"name": "a", "value": {"longValue": 9007199254740993}},
         {"name": "b", "value": {"blobValue": bytes(range(256))}},
         {"name": "c", "value": {"isNull": True}}]}),
    ("execute long", "rds-data", "us-east-1", None, "ExecuteStatement",
     {**TARGET, "sql": "select '" + "x" * 5000 + "'"}),
    ("execute in transaction", "rds-data", "us-east-1", TOKEN, "ExecuteStatement",
     {**TARGET, "sql": "update t set a = 1", "transactionId": "AAbb+/=="}),
    ("batch", "rds-data", "us-east-1", None, "BatchExecuteStatement",
     {**TARGET, "sql": "insert into t values (:a)", "parameterSets": [
         [{"name": "a", "value": {"stringValue": "  two  blanks  "}}],
         [{"name": "a", "value": {"stringValue": "line\nbreak\ttab"}}]]}),
    ("begin", "rds-data", "us-east-1", None, "BeginTransaction", TARGET),
    ("begin with token", "rds-data", "us-east-1", TOKEN, "BeginTransaction", TARGET),
    ("commit", "rds-data", "us-east-1", TOKEN, "CommitTransaction",
     {**TARGET, "transactionId": "t-1"}),
    ("rollback", "rds-data", "us-east-1", None, "RollbackTransaction",
     {**TARGET, "transactionId": "t-1"}),
    ("caller identity", "sts", "us-east-1", None, "GetCallerIdentity", {}),
    ("caller identity with token", "sts", "us-east-1", TOKEN, "GetCallerIdentity", {}),
    ("get with query", "apigateway", "us-east-1", None, "GetApiKeys",
     {"nameQuery": "ä b+c/d~e*f", "limit": 5, "includeValues": True}),
    ("path encoded twice", "apigateway", "us-east-1", None, "GetApiKey",
     {"apiKey": "a b/c%20d+ü:"}),
    ("delete with an empty body", "apigateway", "us-east-1", TOKEN, "DeleteApiKey",
     {"apiKey": "k"}),
]


def record(service, region, token, operation, arguments):
    """One signed request as it would go over the wire."""
    session = botocore.session.Session()
    client = session.create_client(
        service, region_name=region, endpoint_url="http://127.0.0.1:8080",
        aws_access_key_id="ROWHOUSEDEV", aws_secret_access_key="rowhouse-dev-secret",
        aws_session_token=token, config=botocore.config.Config(retries={"max_attempts": 0}))
    caught = []

    def before_send(request, **_):
        caught.append(request)
        body = b"<r><GetCallerIdentityResult/></r>" if service == "sts" else b"{}"
        answer = botocore.awsrequest.AWSResponse(request.url, 200, {}, mock.Mock())
        answer._content = body
        return answer

    client.meta.events.register("before-send", before_send)
    client._make_api_call(operation, arguments)
    (request,) = caught
    return request


def with_date_header():
    """The older spelling of the time: Date in place of X-Amz-Date."""
    request = botocore.awsrequest.AWSRequest(
        "POST", "http://127.0.0.1:8080/Execute",
        {"Date": "now", "Content-Type": "application/json"}, b"{}")
    credentials = botocore.credentials.Credentials("ROWHOUSEDEV", "rowhouse-dev-secret")
    botocore.auth.SigV4Auth(credentials, "rds-data", "us-east-1").add_auth(request)
    return request.prepare()


def vector(name, service, region, request):
    target = request.url.removeprefix("http://127.0.0.1:8080")
    path, _, query = target.partition("?")
    headers = [f"{key}: {plain(value)}" for key, value in request.headers.items()
               if key.lower() not in LEFT_OUT]
    # http.client adds this one from the URL when it writes the request.
    headers.append("Host: 127.0.0.1:8080")
    return {"name": name, "service": service, "region": region, "method": request.method,
            "path": path, "query": query, "headers": headers, "body": plain(request.body or b"")}


def plain(text):
    return text.decode() if isinstance(text, bytes) else text


def main():
    vectors = []
    with mock.patch.object(botocore.auth, "get_current_datetime", lambda *_, **__: NOW):
        for name, service, region, token, operation, arguments in CALLS:
            request = record(service, region, token, operation, arguments)
            vectors.append(vector(name, service, region, request))
        vectors.append(vector("date header", "rds-data", "us-east-1", with_date_header()))
    json.dump(vectors, sys.stdout, indent=1, ensure_ascii=False)
    print()


main()
