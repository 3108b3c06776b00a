// Who comes in by the PostgreSQL door, and the schema that the programs work in.
//
// `rowhouse dev` writes where its doors are into DATA_DIR/endpoints.json. With ROWHOUSE_PG=host:port the
// programs talk to that address instead: a PostgreSQL with the same roles answers the same.

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.Properties;
import java.util.regex.Pattern;

final class Door {
    static final String NOTE = "wire_jdbc.note";
    static final String PLAIN = "wire_jdbc.plain";
    private static final String SCHEMA =
            """
            drop schema if exists wire_jdbc cascade;
            create schema wire_jdbc;
            grant usage on schema wire_jdbc to app_user;
            create table wire_jdbc.note (
                tenant_id text not null default current_setting('app.current_tenant'),
                id bigint generated always as identity primary key,
                body text not null
            );
            create policy own on wire_jdbc.note
                using (tenant_id = (select nullif(current_setting('app.current_tenant', true), '')))
                with check (tenant_id = (select nullif(current_setting('app.current_tenant', true), '')));
            alter table wire_jdbc.note enable row level security;
            alter table wire_jdbc.note force row level security;
            create table wire_jdbc.plain (id bigint, body text);
            grant select, insert, update, delete on all tables in schema wire_jdbc to app_user;
            """;

    private Door() {}

    /** Host and port, with a colon between them. */
    static String address() throws IOException {
        String named = System.getenv("ROWHOUSE_PG");
        return named != null ? named : member("endpoints.json", "pg");
    }

    /** An application that says its tenant when it connects; more are pairs of properties. */
    static Connection connect(String tenant, String... more) throws IOException, SQLException {
        Properties properties = new Properties();
        properties.setProperty("user", "app_user");
        properties.setProperty("password", "app_user");
        properties.setProperty("options", "-c app.current_tenant=" + tenant);
        for (int at = 0; at + 1 < more.length; at += 2) {
            properties.setProperty(more[at], more[at + 1]);
        }
        return DriverManager.getConnection("jdbc:postgresql://" + address() + "/postgres", properties);
    }

    /** The PostgreSQL behind the door, as its operator reaches it. */
    static Connection operator() throws IOException, SQLException {
        String file = member("cluster.json", "superuser_password_file");
        String address = member("cluster.json", "host") + ":" + member("cluster.json", "port");
        String user = member("cluster.json", "superuser");
        String password = Files.readString(Path.of(file)).strip();
        return DriverManager.getConnection("jdbc:postgresql://" + address + "/postgres", user, password);
    }

    static void makeSchema() throws IOException, SQLException {
        try (Connection operator = operator(); var statement = operator.createStatement()) {
            statement.execute(SCHEMA);
        }
    }

    /** A member of a small file whose texts hold no quotes. */
    private static String member(String file, String name) throws IOException {
        String folder = System.getenv().getOrDefault("ROWHOUSE_DATA_DIR", ".rowhouse");
        String text = Files.readString(Path.of(folder, file));
        var found = Pattern.compile("\"" + name + "\":\\s*\"?([^\",}\\s]+)").matcher(text);
        if (!found.find()) {
            throw new IOException(file + " has no " + name);
        }
        return found.group(1);
    }
}
