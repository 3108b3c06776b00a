"""The Python samples of "Enforce row-level security with the RDS Data API".

As printed there, but for where the client points, what the ARNs are and the setting's name, which
the article's text leaves out.
"""

import pytest
from callers import CLUSTER_ARN as cluster_arn
from callers import SECRET_ARN as secret_arn
from callers import app, tenant

db_name = "postgres"


@pytest.mark.parametrize("tenant_id", [1, 2, 3])
def test_transaction(tenant_id):
    rdsData = app()

    def get_tenant_id_from_context():
        return tenant_id

    tr = rdsData.begin_transaction(
        resourceArn=cluster_arn,
        secretArn=secret_arn,
        database=db_name,
    )

    rdsData.execute_statement(
        resourceArn=cluster_arn,
        secretArn=secret_arn,
        database=db_name,
        sql="set app.current_tenant = {0}".format(get_tenant_id_from_context()),
        transactionId=tr["transactionId"],
    )

    response = rdsData.execute_statement(
        resourceArn=cluster_arn,
        secretArn=secret_arn,
        database=db_name,
        sql="select tenant_name from tenant",
        transactionId=tr["transactionId"],
    )

    cr = rdsData.commit_transaction(
        resourceArn=cluster_arn,
        secretArn=secret_arn,
        transactionId=tr["transactionId"],
    )

    assert str(response["records"]) == f"[[{{'stringValue': 'Tenant{tenant_id}'}}]]"
    assert cr["transactionStatus"] == "Transaction Committed"


@pytest.mark.parametrize("tenant_id", [1, 2, 3])
def test_function(tenant_id):
    rdsData = app()

    def get_tenant_id_from_context():
        return tenant_id

    param1 = {"name": "id", "value": {"longValue": get_tenant_id_from_context()}}
    paramSet = [param1]

    response = rdsData.execute_statement(
        resourceArn=cluster_arn,
        secretArn=secret_arn,
        database=db_name,
        sql="select get_tenant_data(:id::integer)",
        parameters=paramSet,
    )

    assert f"Tenant{tenant_id}" in response["records"][0][0]["stringValue"]
    assert len(response["records"]) == 1


@pytest.mark.parametrize("tenant_id", [1, 2, 3])
def test_with_a_token_it_is_one_call(tenant_id):
    response = tenant(str(tenant_id)).execute_statement(
        resourceArn=cluster_arn,
        secretArn=secret_arn,
        database=db_name,
        sql="select tenant_name from tenant",
    )
    assert str(response["records"]) == f"[[{{'stringValue': 'Tenant{tenant_id}'}}]]"
