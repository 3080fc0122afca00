import java.util.HexFormat;
import org.tikv.cdc.CDCClient;
import org.tikv.common.TiConfiguration;
import org.tikv.common.TiSession;
import org.tikv.kvproto.Cdcpb.Event;
import org.tikv.kvproto.Coprocessor.KeyRange;
import org.tikv.shade.com.google.protobuf.ByteString;

/**
 * Reads a change feed with TiKV's Java client and prints a line for each row of it.
 *
 * <p>FeedReader PD START_KEY END_KEY START_TS UNTIL_TS, keys in hex; ends once UNTIL_TS is resolved.
 */
public class FeedReader {
  public static void main(String[] args) throws Exception {
    KeyRange range = KeyRange.newBuilder().setStart(bytes(args[1])).setEnd(bytes(args[2])).build();
    long until = Long.parseLong(args[4]);
    TiSession session = TiSession.create(TiConfiguration.createDefault(args[0]));
    CDCClient client = new CDCClient(session, range);
    client.start(Long.parseLong(args[3]));
    for (;;) {
      Event.Row row = client.get();
      if (row != null) {
        print(row);
      } else if (client.getMinResolvedTs() >= until) {
        break;
      }
    }
    System.out.println("{\"type\": \"END\"}");
    Runtime.getRuntime().halt(0); // closing waits a minute for streams that do not end
  }

  private static ByteString bytes(String hex) {
    return ByteString.copyFrom(HexFormat.of().parseHex(hex));
  }

  private static void print(Event.Row row) {
    System.out.printf(
        "{\"type\": \"%s\", \"op\": \"%s\", \"start_ts\": %d, \"commit_ts\": %d, \"key\": \"%s\", \"value\": \"%s\"}%n",
        row.getType(),
        row.getOpType(),
        row.getStartTs(),
        row.getCommitTs(),
        HexFormat.of().formatHex(row.getKey().toByteArray()),
        HexFormat.of().formatHex(row.getValue().toByteArray()));
  }
}
