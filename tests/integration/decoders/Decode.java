import com.alibaba.otter.canal.protocol.CanalEntry;
import com.alibaba.otter.canal.protocol.CanalPacket;
import com.google.protobuf.ByteString;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.formats.common.TimestampFormat;
import org.apache.flink.formats.json.canal.CanalJsonDeserializationSchema;
import org.apache.flink.formats.json.debezium.DebeziumJsonDeserializationSchema;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.types.DataType;
import org.apache.flink.util.Collector;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.json.JsonConverter;

/**
 * Reads messages as cdc-replay --out writes them with the decoders of other projects, and writes
 * the rows that these make of them.
 *
 * <p>Decode JOBS
 *
 * <p>JOBS is a file with a line of DECODER TABLES MESSAGES ROWS for each job, the latter three names
 * of files. TABLES is JSON: {"schema.table": [[column, type of Flink]]}. DECODER is flink-canal,
 * flink-debezium, connect (Kafka Connect's JSON converter, by the schema that each message carries)
 * or canal (Alibaba's classes for Canal's packets). A line of ROWS is {"table", "op": "+" or "-",
 * "row": {column: text or null}}: an update is the row that goes, then the one that comes. Whatever
 * a decoder refuses ends the program.
 */
public class Decode {
  private static final ObjectMapper JSON = new ObjectMapper();

  private interface Decoder {
    void decode(byte[] key, byte[] value, PrintWriter out) throws Exception;
  }

  private record Column(String name, String type) {}

  public static void main(String[] args) throws Exception {
    for (String job : Files.readAllLines(Path.of(args[0]))) {
      String[] words = job.split(" ");
      Map<String, List<Column>> tables = readTables(Path.of(words[1]));
      Decoder decoder =
          switch (words[0]) {
            case "flink-canal", "flink-debezium" -> new Flink(words[0], tables);
            case "connect" -> new Connect();
            case "canal" -> new Canal();
            default -> throw new IllegalArgumentException("no decoder " + words[0]);
          };
      try (BufferedReader in = Files.newBufferedReader(Path.of(words[2]));
          PrintWriter out = new PrintWriter(Files.newBufferedWriter(Path.of(words[3])))) {
        for (String line = in.readLine(); line != null; line = in.readLine()) {
          JsonNode message = JSON.readTree(line);
          try {
            decoder.decode(bytes(message.get("key")), bytes(message.get("value")), out);
          } catch (Exception e) {
            throw new IOException(words[0] + " refuses " + line, e);
          }
        }
      }
    }
  }

  private static Map<String, List<Column>> readTables(Path path) throws IOException {
    Map<String, List<Column>> tables = new HashMap<>();
    JSON.readTree(Files.readAllBytes(path))
        .fields()
        .forEachRemaining(
            entry -> {
              List<Column> columns = new ArrayList<>();
              for (JsonNode column : entry.getValue())
                columns.add(new Column(column.get(0).asText(), column.get(1).asText()));
              tables.put(entry.getKey(), columns);
            });
    return tables;
  }

  private static byte[] bytes(JsonNode base64) {
    return base64.isNull() ? null : Base64.getDecoder().decode(base64.asText());
  }

  private static void write(PrintWriter out, String table, String op, ObjectNode row) {
    ObjectNode line = JSON.createObjectNode().put("table", table).put("op", op);
    line.set("row", row);
    out.println(line);
  }

  /** Flink's formats canal-json and debezium-json, a table's schema each. */
  private static final class Flink implements Decoder {
    private final boolean canal;
    private final Map<String, List<Column>> tables;
    private final Map<String, DeserializationSchema<RowData>> schemas = new HashMap<>();

    Flink(String name, Map<String, List<Column>> tables) {
      this.canal = name.equals("flink-canal");
      this.tables = tables;
    }

    @Override
    public void decode(byte[] key, byte[] value, PrintWriter out) throws Exception {
      JsonNode message = JSON.readTree(value);
      JsonNode source = canal ? message : message.get("payload").get("source");
      boolean ddl = canal ? message.get("isDdl").asBoolean() : message.get("payload").has("ddl");
      if (ddl) return; // the formats know rows only
      String table =
          source.get(canal ? "database" : "db").asText() + "." + source.get("table").asText();
      List<Column> columns = tables.get(table);
      if (columns == null) return; // dropped later on
      DeserializationSchema<RowData> schema = schemas.get(table);
      if (schema == null) schemas.put(table, schema = open(table, columns));
      schema.deserialize(
          value,
          new Collector<RowData>() {
            @Override
            public void collect(RowData row) {
              boolean comes = row.getRowKind().shortString().startsWith("+");
              write(out, table, comes ? "+" : "-", texts(row, columns));
            }

            @Override
            public void close() {}
          });
    }

    private DeserializationSchema<RowData> open(String table, List<Column> columns)
        throws Exception {
      List<DataTypes.Field> fields = new ArrayList<>();
      for (Column column : columns) fields.add(DataTypes.FIELD(column.name, type(column.type)));
      DataType row = DataTypes.ROW(fields);
      TypeInformation<RowData> produced = TypeInformation.of(RowData.class);
      DeserializationSchema<RowData> schema =
          canal
              ? CanalJsonDeserializationSchema.builder(row, List.of(), produced)
                  .setDatabase(table.substring(0, table.indexOf('.')))
                  .setTable(table.substring(table.indexOf('.') + 1))
                  .setIgnoreParseErrors(false)
                  .setTimestampFormat(TimestampFormat.SQL)
                  .build()
              : new DebeziumJsonDeserializationSchema(
                  row, List.of(), produced, true, false, TimestampFormat.SQL);
      schema.open(null);
      return schema;
    }

    private static DataType type(String name) {
      String[] parts = name.split("[(,)]");
      return switch (parts[0]) {
        case "STRING" -> DataTypes.STRING();
        case "BOOLEAN" -> DataTypes.BOOLEAN();
        case "BIGINT" -> DataTypes.BIGINT();
        case "FLOAT" -> DataTypes.FLOAT();
        case "DOUBLE" -> DataTypes.DOUBLE();
        case "DATE" -> DataTypes.DATE();
        case "TIMESTAMP" -> DataTypes.TIMESTAMP(Integer.parseInt(parts[1]));
        case "DECIMAL" ->
            DataTypes.DECIMAL(Integer.parseInt(parts[1]), Integer.parseInt(parts[2]));
        default -> throw new IllegalArgumentException("no type " + name);
      };
    }

    private static ObjectNode texts(RowData row, List<Column> columns) {
      ObjectNode texts = JSON.createObjectNode();
      for (int i = 0; i < columns.size(); ++i)
        texts.put(columns.get(i).name, row.isNullAt(i) ? null : text(row, i, columns.get(i).type));
      return texts;
    }

    private static String text(RowData row, int at, String type) {
      String[] parts = type.split("[(,)]");
      return switch (parts[0]) {
        case "STRING" -> row.getString(at).toString();
        case "BOOLEAN" -> String.valueOf(row.getBoolean(at));
        case "BIGINT" -> String.valueOf(row.getLong(at));
        case "FLOAT" -> String.valueOf(row.getFloat(at));
        case "DOUBLE" -> String.valueOf(row.getDouble(at));
        case "DATE" -> java.time.LocalDate.ofEpochDay(row.getInt(at)).toString();
        case "TIMESTAMP" -> {
          TimestampData moment = row.getTimestamp(at, Integer.parseInt(parts[1]));
          yield moment.toLocalDateTime().toString();
        }
        default -> {
          DecimalData number =
              row.getDecimal(at, Integer.parseInt(parts[1]), Integer.parseInt(parts[2]));
          yield number.toBigDecimal().toPlainString();
        }
      };
    }
  }

  /** Kafka Connect: each message is read, and checked, by the schema in it. */
  private static final class Connect implements Decoder {
    private final JsonConverter keys = new JsonConverter();
    private final JsonConverter values = new JsonConverter();

    Connect() {
      // By default, a column's default would stand for NULL.
      Map<String, String> settings =
          Map.of("schemas.enable", "true", "replace.null.with.default", "false");
      keys.configure(settings, true);
      values.configure(settings, false);
    }

    @Override
    public void decode(byte[] key, byte[] value, PrintWriter out) {
      SchemaAndValue readKey = keys.toConnectData("t", key);
      ((Struct) readKey.value()).validate();
      SchemaAndValue read = values.toConnectData("t", value);
      Struct message = (Struct) read.value();
      message.validate();
      if (read.schema().field("after") == null) return; // a schema change or a watermark
      Struct source = message.getStruct("source");
      String table = source.getString("db") + "." + source.getString("table");
      Struct before = message.getStruct("before");
      Struct after = message.getStruct("after");
      if (before != null) write(out, table, "-", texts(before));
      if (after != null) write(out, table, "+", texts(after));
      // The key is that of the row.
      Struct row = after != null ? after : before;
      for (Field field : readKey.schema().fields()) {
        Object part = ((Struct) readKey.value()).get(field);
        Object whole = row.get(field.name());
        boolean same =
            part instanceof ByteBuffer || part instanceof byte[] || part.equals(whole);
        if (!same) throw new IllegalStateException("key " + part + " of row " + row);
      }
    }

    private static ObjectNode texts(Struct row) {
      ObjectNode texts = JSON.createObjectNode();
      for (Field field : row.schema().fields()) {
        Object value = row.getWithoutDefault(field.name());
        String text = null;
        if (value instanceof byte[] array) text = Base64.getEncoder().encodeToString(array);
        else if (value instanceof ByteBuffer buffer)
          text = StandardCharsets.ISO_8859_1.decode(Base64.getEncoder().encode(buffer)).toString();
        else if (value != null) text = value.toString();
        texts.put(field.name(), text);
      }
      return texts;
    }
  }

  /** Alibaba's canal.protocol: packets, entries, rows. */
  private static final class Canal implements Decoder {
    @Override
    public void decode(byte[] key, byte[] value, PrintWriter out) throws Exception {
      CanalPacket.Packet packet = CanalPacket.Packet.parseFrom(value);
      if (packet.getType() != CanalPacket.PacketType.MESSAGES)
        throw new IOException("a packet of type " + packet.getType());
      for (ByteString bytes :
          CanalPacket.Messages.parseFrom(packet.getBody()).getMessagesList()) {
        CanalEntry.Entry entry = CanalEntry.Entry.parseFrom(bytes);
        if (entry.getEntryType() != CanalEntry.EntryType.ROWDATA)
          throw new IOException("an entry of type " + entry.getEntryType());
        CanalEntry.Header header = entry.getHeader();
        String table = header.getSchemaName() + "." + header.getTableName();
        CanalEntry.RowChange change = CanalEntry.RowChange.parseFrom(entry.getStoreValue());
        if (change.getIsDdl()) continue;
        for (CanalEntry.RowData row : change.getRowDatasList()) {
          boolean update = change.getEventType() == CanalEntry.EventType.UPDATE;
          boolean delete = change.getEventType() == CanalEntry.EventType.DELETE;
          if (update || delete) write(out, table, "-", texts(row.getBeforeColumnsList()));
          if (!delete) write(out, table, "+", texts(row.getAfterColumnsList()));
        }
      }
    }

    private static ObjectNode texts(List<CanalEntry.Column> columns) {
      ObjectNode texts = JSON.createObjectNode();
      for (Iterator<CanalEntry.Column> i = columns.iterator(); i.hasNext(); ) {
        CanalEntry.Column column = i.next();
        texts.put(column.getName(), column.getIsNull() ? null : column.getValue());
      }
      return texts;
    }
  }
}
