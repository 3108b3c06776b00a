// The program of "Isolate data of SaaS tenants based on RLS policies" (ApsaraDB RDS), as printed but
// for three things: the address comes from the command line, the password is the one that the document
// sets, and the table is the one that it creates (it prints `rls_schema.t_user`).

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;

public class SaaSrlsController {
	public static void main( String[] args ){
		try {
			Class.forName("org.postgresql.Driver");
		} catch (ClassNotFoundException e) {
			e.printStackTrace();
		}

		// The endpoint of the RDS instance
		String hostname = args[0];
		// The port number of the RDS instance
		int port = Integer.parseInt(args[1]);
		// The database name
		String dbname = "rls_vip";
		// The username.
		String username = "t1";
		// The password.
		String password = "TestPW123!";

		String dbUrl = "jdbc:postgresql://" + hostname + ":" + port + "/" + dbname;
		Connection dbConnection;
		try {
			Properties props = new Properties();
			props.setProperty("user", username);
			props.setProperty("password", password);
                       // Note: Use the tenant ID that is assigned.
			props.setProperty("options","-c app.tenant_id=1");

			dbConnection = DriverManager.getConnection(dbUrl, props);
			Statement statement = dbConnection.createStatement();

			// Enter the SQL statement that you want to execute. 
			String selectSql = "select * from sh_vip.t_user;";
			ResultSet resultSet = statement.executeQuery(selectSql);
			while (resultSet.next()) {
				System.out.println(resultSet.getString("tenant_id") + "," +resultSet.getString("tenant_name"));
			}
		} catch (SQLException e) {
			e.printStackTrace();
		}
	}
}
