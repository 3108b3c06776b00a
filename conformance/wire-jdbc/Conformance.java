// The JDBC driver against the PostgreSQL door: everyday things and awkward ones, one line for each.

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.Date;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.postgresql.PGConnection;

public final class Conformance {
    private static final int LARGE = 10_000_000;
    private static final int ROWS = 1_000_000;
    private static final int CLIENTS = 64;

    private interface Trial {
        void run() throws Exception;
    }

    public static void main(String[] arguments) throws Exception {
        Door.makeSchema();
        Map<String, Trial> trials = new LinkedHashMap<>();
        trials.put("the document's program", Conformance::theDocument);
        trials.put("values, first as text and then in binary", Conformance::values);
        trials.put("rows of one tenant", Conformance::rowsOfOneTenant);
        trials.put("statements prepared on the server, across transactions", Conformance::prepared);
        trials.put("batches, and one that fails", Conformance::batches);
        trials.put("rows fetched in pieces", Conformance::pieces);
        trials.put("savepoints and failed transactions", Conformance::savepoints);
        trials.put("the driver's own savepoints", Conformance::ownSavepoints);
        trials.put("errors by SQLSTATE", Conformance::errors);
        trials.put("cancelled by the client, and by a timeout", Conformance::cancelled);
        trials.put("large values", Conformance::large);
        trials.put("COPY of a million rows", Conformance::copy);
        trials.put("notices and notifications", Conformance::notices);
        trials.put("metadata", Conformance::metadata);
        trials.put("simple queries only", Conformance::simple);
        trials.put("clients of many tenants, and no foreign rows", Conformance::manyTenants);
        int failed = 0;
        for (var trial : trials.entrySet()) {
            try {
                trial.getValue().run();
            } catch (Exception | AssertionError error) {
                failed += 1;
                System.out.println("FAILED " + trial.getKey() + ": " + error);
            }
        }
        System.out.println((trials.size() - failed) + " passed, " + failed + " failed");
        System.exit(failed == 0 ? 0 : 1);
    }

    private static void theDocument() throws Exception {
        PrintStream before = System.out;
        var printed = new ByteArrayOutputStream();
        System.setOut(new PrintStream(printed));
        try {
            SaaSrlsController.main(Door.address().split(":"));
        } finally {
            System.setOut(before);
        }
        equal(printed.toString(StandardCharsets.UTF_8).strip(), "1,Zhang San");
    }

    private static void values() throws Exception {
        Object[][] values = {
            {"int4", Integer.MIN_VALUE},
            {"int8", Long.MAX_VALUE},
            {"float8", 0.1},
            {"float4", 0.5f},
            {"numeric", new BigDecimal("12345678901234567890.10")},
            {"bool", true},
            {"text", "grün 🏠 'q' \\"},
            {"date", Date.valueOf("2024-02-29")},
            {"uuid", UUID.fromString("7a245486-3fc8-47ec-b303-04fefe7a58ff")},
            {"timestamptz", OffsetDateTime.parse("2024-02-29T23:59:59.123456Z")},
        };
        try (Connection connection = Door.connect("1")) {
            for (Object[] value : values) {
                try (var statement = connection.prepareStatement("select ?::" + value[0])) {
                    // From the fifth run on it has a name and its results are binary.
                    for (int run = 0; run < 8; run++) {
                        statement.setObject(1, value[1]);
                        equal(one(statement, value[1].getClass()), value[1]);
                    }
                }
            }
            try (var statement = connection.prepareStatement("select ?::text[], ?::bytea, ?::int")) {
                statement.setArray(1, connection.createArrayOf("text", new String[] {"a,b", null}));
                statement.setBytes(2, new byte[] {0, 1, -1});
                statement.setNull(3, java.sql.Types.INTEGER);
                ResultSet row = statement.executeQuery();
                row.next();
                equal(Arrays.toString((Object[]) row.getArray(1).getArray()), "[a,b, null]");
                equal(Arrays.toString(row.getBytes(2)), "[0, 1, -1]");
                equal(row.getObject(3), null);
            }
        }
    }

    private static void rowsOfOneTenant() throws Exception {
        try (Connection a = Door.connect("a"); Connection b = Door.connect("b")) {
            insert(a, "of a");
            insert(b, "of b");
            equal(bodies(a), List.of("of a"));
            equal(bodies(b), List.of("of b"));
            equal(update(a, "update " + Door.NOTE + " set body = 'x' where tenant_id = 'b'"), 0);
            String foreign = "insert into " + Door.NOTE + " (tenant_id, body) values ('b', 'x')";
            fails("42501", () -> update(a, foreign));
            String sql = "insert into " + Door.NOTE + " (body) values (?)";
            try (var keys = a.prepareStatement(sql, Statement.RETURN_GENERATED_KEYS)) {
                keys.setString(1, "keyed");
                keys.executeUpdate();
                ResultSet row = keys.getGeneratedKeys();
                check(row.next() && row.getString("tenant_id").equals("a"), "generated keys");
            }
        }
    }

    private static void prepared() throws Exception {
        String count = "select count(*) from " + Door.NOTE + " where body = ?";
        try (Connection one = Door.connect("p1", "prepareThreshold", "1");
                Connection two = Door.connect("p2", "prepareThreshold", "1")) {
            one.setAutoCommit(false);
            two.setAutoCommit(false);
            try (var first = one.prepareStatement(count); var second = two.prepareStatement(count)) {
                for (long turn = 1; turn <= 10; turn++) {
                    for (PreparedStatement statement : List.of(first, second)) {
                        insert(statement.getConnection(), "x");
                        statement.getConnection().commit();
                        statement.setString(1, "x");
                        equal(one(statement, Long.class), turn);
                        statement.getConnection().commit();
                    }
                }
            }
        }
        // More than the driver keeps, so that it closes some.
        try (Connection connection = Door.connect("1", "prepareThreshold", "1")) {
            for (int number = 0; number < 300; number++) {
                try (var statement = connection.prepareStatement("select " + number + " + ?")) {
                    statement.setInt(1, 1);
                    equal(one(statement, Integer.class), number + 1);
                }
            }
        }
    }

    private static void batches() throws Exception {
        String sql = "insert into " + Door.NOTE + " (body) values (?)";
        for (String rewrite : List.of("false", "true")) {
            String tenant = "batch-" + rewrite;
            try (Connection connection = Door.connect(tenant, "reWriteBatchedInserts", rewrite);
                    var statement = connection.prepareStatement(sql)) {
                for (int number = 0; number < 1000; number++) {
                    statement.setString(1, "note " + number);
                    statement.addBatch();
                }
                equal(statement.executeBatch().length, 1000);
                equal(bodies(connection).size(), 1000);
                statement.setString(1, "good");
                statement.addBatch();
                statement.setNull(1, java.sql.Types.VARCHAR);
                statement.addBatch();
                try {
                    statement.executeBatch();
                    throw new AssertionError("a note without a body");
                } catch (BatchUpdateException expected) {
                    equal(expected.getNextException().getSQLState(), "23502");
                }
                equal(bodies(connection).size(), 1000);
            }
        }
    }

    private static void pieces() throws Exception {
        try (Connection connection = Door.connect("1")) {
            connection.setAutoCommit(false);
            try (var statement = connection.prepareStatement("select generate_series(1, 20000)")) {
                statement.setFetchSize(100);
                ResultSet rows = statement.executeQuery();
                long sum = 0;
                while (rows.next()) {
                    sum += rows.getLong(1);
                }
                equal(sum, 200_010_000L);
                rows = statement.executeQuery();
                check(rows.next(), "a first row");
                // Given up in the middle.
                rows.close();
            }
            connection.commit();
            equal(ask(connection, "select 'after'"), "after");
        }
    }

    private static void savepoints() throws Exception {
        try (Connection connection = Door.connect("save")) {
            connection.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
            connection.setAutoCommit(false);
            insert(connection, "kept");
            var savepoint = connection.setSavepoint();
            insert(connection, "lost");
            fails("22012", () -> ask(connection, "select 1 / 0"));
            fails("25P02", () -> ask(connection, "select 1"));
            connection.rollback(savepoint);
            equal(ask(connection, "show transaction_isolation"), "serializable");
            connection.commit();
            equal(bodies(connection), List.of("kept"));
            connection.rollback();
            connection.setReadOnly(true);
            fails("25006", () -> insert(connection, "refused"));
            connection.rollback();
        }
    }

    private static void ownSavepoints() throws Exception {
        try (Connection connection = Door.connect("autosave", "autosave", "always")) {
            connection.setAutoCommit(false);
            insert(connection, "kept");
            fails("22012", () -> ask(connection, "select 1 / 0"));
            insert(connection, "kept as well");
            connection.commit();
            equal(bodies(connection), List.of("kept", "kept as well"));
        }
    }

    private static void errors() throws Exception {
        String[][] cases = {
            {"select 1 / 0", "22012"},
            {"selec 1", "42601"},
            {"select * from nowhere", "42P01"},
            {"select nothing", "42703"},
            {"select 'x'::int", "22P02"},
            {"drop table public.tenant", "42501"},
        };
        try (Connection connection = Door.connect("1")) {
            for (String[] each : cases) {
                fails(each[1], () -> ask(connection, each[0]));
                equal(ask(connection, "select 'on'"), "on");
            }
        }
        fails("28P01", () -> Door.connect("1", "password", "guess"));
    }

    private static void cancelled() throws Exception {
        try (Connection connection = Door.connect("1"); var statement = connection.createStatement()) {
            statement.setQueryTimeout(1);
            fails("57014", () -> statement.execute("select pg_sleep(60)"));
            statement.setQueryTimeout(0);
            Thread canceller = new Thread(() -> {
                try {
                    untilRunning("% /* jdbc */");
                    statement.cancel();
                } catch (Exception error) {
                    System.out.println("cancel: " + error);
                }
            });
            canceller.start();
            fails("57014", () -> statement.execute("select pg_sleep(60) /* jdbc */"));
            canceller.join();
            equal(ask(connection, "select 'on'"), "on");
        }
    }

    private static void large() throws Exception {
        byte[] data = new byte[LARGE];
        for (int at = 0; at < data.length; at++) {
            data[at] = (byte) at;
        }
        try (Connection connection = Door.connect("1");
                var bytes = connection.prepareStatement("select ?::bytea");
                var text = connection.prepareStatement("select ?::text")) {
            bytes.setBytes(1, data);
            ResultSet row = bytes.executeQuery();
            row.next();
            check(Arrays.equals(row.getBytes(1), data), "other bytes");
            text.setString(1, "x".repeat(LARGE));
            equal(one(text, String.class).length(), LARGE);
        }
    }

    private static void copy() throws Exception {
        var lines = new StringBuilder();
        for (int number = 0; number < ROWS; number++) {
            lines.append(number).append("\tnote ").append(number).append('\n');
        }
        byte[] text = lines.toString().getBytes(StandardCharsets.UTF_8);
        try (Connection connection = Door.connect("1")) {
            connection.setAutoCommit(false);
            var copy = connection.unwrap(PGConnection.class).getCopyAPI();
            String in = "copy " + Door.PLAIN + " from stdin";
            equal(copy.copyIn(in, new ByteArrayInputStream(text)), (long) ROWS);
            var out = new ByteArrayOutputStream(text.length);
            String query = "copy (select * from " + Door.PLAIN + " order by id) to stdout";
            equal(copy.copyOut(query, out), (long) ROWS);
            check(Arrays.equals(out.toByteArray(), text), "other rows");
            connection.rollback();
            fails("22P02", () -> copy.copyIn(in, new ByteArrayInputStream("x\ty\n".getBytes())));
            connection.rollback();
            equal(ask(connection, "select 'on'"), "on");
        }
    }

    private static void notices() throws Exception {
        try (Connection listening = Door.connect("1"); Connection saying = Door.connect("1");
                var statement = listening.createStatement()) {
            statement.execute("do $$ begin raise notice 'hello'; end $$");
            equal(statement.getWarnings().getMessage(), "hello");
            statement.execute("listen jdbc_news");
            try (var say = saying.createStatement()) {
                say.execute("notify jdbc_news, 'payload'");
            }
            var news = listening.unwrap(PGConnection.class).getNotifications(60_000);
            equal(news[0].getParameter(), "payload");
        }
    }

    private static void metadata() throws Exception {
        try (Connection connection = Door.connect("1")) {
            var metadata = connection.getMetaData();
            equal(metadata.getDatabaseProductName(), "PostgreSQL");
            equal(metadata.getUserName(), "app_user");
            List<String> columns = new ArrayList<>();
            ResultSet rows = metadata.getColumns(null, "wire_jdbc", "note", null);
            while (rows.next()) {
                columns.add(rows.getString("COLUMN_NAME") + " " + rows.getString("TYPE_NAME"));
            }
            equal(columns, List.of("tenant_id text", "id int8", "body text"));
            check(connection.isValid(60), "the connection is valid");
        }
    }

    private static void simple() throws Exception {
        try (Connection connection = Door.connect("simple", "preferQueryMode", "simple");
                var statement = connection.createStatement()) {
            String insert = "insert into " + Door.NOTE + " (body) values ('x')";
            statement.execute(insert + "; select count(*) from " + Door.NOTE);
            check(statement.getUpdateCount() == 1 && statement.getMoreResults(), "two results");
            ResultSet rows = statement.getResultSet();
            rows.next();
            equal(rows.getInt(1), 1);
            connection.setAutoCommit(false);
            insert(connection, "y");
            connection.rollback();
            equal(bodies(connection), List.of("x"));
        }
    }

    private static void manyTenants() throws Exception {
        var threads = Executors.newFixedThreadPool(CLIENTS);
        List<Future<Void>> clients = new ArrayList<>();
        for (int number = 0; number < CLIENTS; number++) {
            String tenant = "many-" + number;
            clients.add(threads.submit((Callable<Void>) () -> {
                try (Connection connection = Door.connect(tenant)) {
                    for (int turn = 1; turn <= 8; turn++) {
                        connection.setAutoCommit(turn % 2 == 0);
                        insert(connection, tenant);
                        if (turn % 2 == 1) {
                            connection.commit();
                        }
                        equal(bodies(connection), java.util.Collections.nCopies(turn, tenant));
                        if (turn % 2 == 1) {
                            connection.commit();
                        }
                    }
                }
                return null;
            }));
        }
        for (Future<Void> client : clients) {
            client.get();
        }
        threads.shutdown();
    }

    private static void untilRunning(String like) throws Exception {
        String sql = "select from pg_stat_activity where state = 'active' and query like ?"
                + " and pid <> pg_backend_pid()";
        try (Connection operator = Door.operator(); var statement = operator.prepareStatement(sql)) {
            statement.setString(1, like);
            for (int tries = 0; tries < 10_000; tries++) {
                if (statement.executeQuery().next()) {
                    return;
                }
            }
        }
        throw new AssertionError(like + " is not running");
    }

    private static void insert(Connection connection, String body) throws SQLException {
        String sql = "insert into " + Door.NOTE + " (body) values (?)";
        try (var statement = connection.prepareStatement(sql)) {
            statement.setString(1, body);
            equal(statement.executeUpdate(), 1);
        }
    }

    private static int update(Connection connection, String sql) throws SQLException {
        try (var statement = connection.createStatement()) {
            return statement.executeUpdate(sql);
        }
    }

    private static List<String> bodies(Connection connection) throws SQLException {
        List<String> found = new ArrayList<>();
        try (var statement = connection.createStatement()) {
            ResultSet rows = statement.executeQuery("select body from " + Door.NOTE + " order by id");
            while (rows.next()) {
                found.add(rows.getString(1));
            }
        }
        return found;
    }

    private static String ask(Connection connection, String sql) throws SQLException {
        try (var statement = connection.createStatement()) {
            ResultSet rows = statement.executeQuery(sql);
            rows.next();
            return rows.getString(1);
        }
    }

    private static <T> T one(PreparedStatement statement, Class<T> type) throws SQLException {
        try (ResultSet rows = statement.executeQuery()) {
            rows.next();
            return rows.getObject(1, type);
        }
    }

    private static void fails(String state, Trial trial) throws Exception {
        try {
            trial.run();
        } catch (SQLException error) {
            equal(error.getSQLState(), state);
            return;
        }
        throw new AssertionError("no error, but " + state + " was expected");
    }

    private static void equal(Object found, Object expected) {
        check(java.util.Objects.equals(found, expected), "found " + found + ", expected " + expected);
    }

    private static void check(boolean holds, String text) {
        if (!holds) {
            throw new AssertionError(text);
        }
    }
}
