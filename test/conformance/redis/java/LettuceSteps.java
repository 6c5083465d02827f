import io.lettuce.core.KeyScanCursor;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.ScanArgs;
import io.lettuce.core.ScanCursor;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.cluster.RedisClusterClient;
import io.lettuce.core.pubsub.RedisPubSubAdapter;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** What Lettuce does with a server, or with a cluster. It begins with HELLO 3. */
public class LettuceSteps {
  public static void main(String[] args) {
    String uri = "redis://127.0.0.1:" + args[0];
    if (args[1].equals("cluster")) ofCluster(uri);
    else ofServer(uri);
    System.exit(0);
  }

  private static void ofServer(String uri) {
    RedisClient client = RedisClient.create(uri);
    var connection = client.connect();
    var redis = connection.sync();
    redis.flushall();
    Steps.take("sets and gets", () -> {
      for (int i = 0; i < 100; i++) redis.set("key:" + i, "v" + i);
      for (int i = 0; i < 100; i++) Steps.equal(redis.get("key:" + i), "v" + i);
    });
    Steps.take("MGET over slots", () -> Steps.equal(redis.mget("key:1", "key:2").get(1).getValue(), "v2"));
    Steps.take("hashes", () -> {
      redis.hset("h", Map.of("a", "1"));
      Steps.equal(redis.hgetall("h"), Map.of("a", "1"));
    });
    Steps.take("MULTI and EXEC", () -> {
      redis.multi();
      redis.set("{t}a", "1");
      redis.incr("{t}a");
      Steps.equal(List.of(redis.exec().get(0), "2").toString(), "[OK, 2]");
    });
    Steps.take("EVAL", () -> {
      List<String> answer = redis.eval("return {KEYS[1], ARGV[1]}", ScriptOutputType.MULTI, new String[] {"k"}, "v");
      Steps.equal(answer, List.of("k", "v"));
    });
    Steps.take("SCAN finds all keys", () -> {
      Set<String> found = new java.util.HashSet<>();
      ScanArgs wanted = ScanArgs.Builder.matches("key:*").limit(20);
      KeyScanCursor<String> page = redis.scan(ScanCursor.INITIAL, wanted);
      found.addAll(page.getKeys());
      while (!page.isFinished()) {
        page = redis.scan(page, wanted);
        found.addAll(page.getKeys());
      }
      Steps.equal(found.size(), 100);
    });
    Steps.take("the error of a wrong type", () -> {
      try {
        redis.lpush("key:1", "x");
        throw new Exception("no error");
      } catch (RedisCommandExecutionException error) {
        Steps.equal(error.getMessage().startsWith("WRONGTYPE"), true);
      }
    });
    Steps.take("SUBSCRIBE and PUBLISH", () -> {
      LinkedBlockingQueue<String> heard = new LinkedBlockingQueue<>();
      var listener = client.connectPubSub();
      listener.addListener(new RedisPubSubAdapter<String, String>() {
        @Override
        public void message(String channel, String message) {
          heard.add(message);
        }
      });
      listener.sync().subscribe("news");
      redis.publish("news", "hello");
      Steps.equal(heard.poll(10, TimeUnit.SECONDS), "hello");
    });
  }

  private static void ofCluster(String uri) {
    RedisClusterClient client = RedisClusterClient.create(uri);
    var redis = client.connect().sync();
    Steps.take("sets and gets", () -> {
      for (int i = 0; i < 100; i++) redis.set("key:" + i, "v" + i);
      for (int i = 0; i < 100; i++) Steps.equal(redis.get("key:" + i), "v" + i);
    });
    Steps.take("MGET over slots", () -> Steps.equal(redis.mget("key:1", "key:2").get(1).getValue(), "v2"));
    Steps.take("EVAL", () -> {
      List<String> answer = redis.eval("return {KEYS[1], ARGV[1]}", ScriptOutputType.MULTI, new String[] {"k"}, "v");
      Steps.equal(answer, List.of("k", "v"));
    });
    Steps.take("SCAN finds all keys", () -> {
      Set<String> found = new java.util.HashSet<>();
      ScanArgs wanted = ScanArgs.Builder.matches("key:*").limit(20);
      KeyScanCursor<String> page = redis.scan(ScanCursor.INITIAL, wanted);
      found.addAll(page.getKeys());
      while (!page.isFinished()) {
        page = redis.scan(page, wanted);
        found.addAll(page.getKeys());
      }
      Steps.equal(found.size(), 100);
    });
    Steps.take("SUBSCRIBE and PUBLISH", () -> {
      LinkedBlockingQueue<String> heard = new LinkedBlockingQueue<>();
      var listener = client.connectPubSub();
      listener.addListener(new RedisPubSubAdapter<String, String>() {
        @Override
        public void message(String channel, String message) {
          heard.add(message);
        }
      });
      listener.sync().subscribe("news");
      redis.publish("news", "hello");
      Steps.equal(heard.poll(10, TimeUnit.SECONDS), "hello");
    });
  }
}
