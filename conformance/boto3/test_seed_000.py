"""The Data API example of "Multi-tenant data isolation with PostgreSQL Row Level Security".

As printed there, but for where the client points and what the ARNs are.
"""

import pytest
from callers import CLUSTER_ARN as cluster_arn
from callers import SECRET_ARN as secret_arn
from callers import app


@pytest.mark.parametrize("tenant_id", ["tenant_1", "tenant_2", "tenant_3"])
def test_the_records_are_scoped_to_one_tenant_only(tenant_id):
    rdsData = app()

    tr = rdsData.begin_transaction(
        resourceArn=cluster_arn,
        secretArn=secret_arn,
        database="onlineshop",
    )

    # Setting the session variable with current tenant ID
    rdsData.execute_statement(
        resourceArn=cluster_arn,
        secretArn=secret_arn,
        database="onlineshop",
        sql=f"SET app.current_tenant = {tenant_id}",
        transactionId=tr["transactionId"],
    )

    # Execution of the CRUD operation
    response = rdsData.execute_statement(
        resourceArn=cluster_arn,
        secretArn=secret_arn,
        database="onlineshop",
        sql="select * from product",
        transactionId=tr["transactionId"],
    )

    status = rdsData.commit_transaction(
        resourceArn=cluster_arn,
        secretArn=secret_arn,
        transactionId=tr["transactionId"],
    )

    assert response["records"], "this tenant has products"
    for record in response["records"]:
        assert {"stringValue": tenant_id} in record
    assert status["transactionStatus"] == "Transaction Committed"


def test_without_a_tenant_there_are_no_rows():
    response = app().execute_statement(
        resourceArn=cluster_arn,
        secretArn=secret_arn,
        database="onlineshop",
        sql="select * from product",
    )
    assert response["records"] == []
