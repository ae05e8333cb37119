// A BatchNorm in Rust, and the driver through which bnspec asks it; docs/protocol.md has the messages.
//
//     rustc --edition 2021 -O -o batchnorm batchnorm.rs
//     bnspec check ./batchnorm
use std::collections::HashMap;
use std::env;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};

type Values = Vec<f64>;
type Texts = HashMap<String, String>;
type Layers = HashMap<String, BatchNorm>;
type Answer = Result<(String, Vec<u8>), Trouble>;

/// Values of x are x[n][c][s], one after the other. Computes in f64 and keeps f32 where x is f32. momentum weighs the new batch;
/// the running variance is the unbiased one.
struct BatchNorm {
    channels: usize,
    single: bool,
    eps: f64,
    momentum: f64,
    gamma: Values,
    beta: Values,
    running_mean: Values,
    running_var: Values,
    latest: Option<Latest>,
}

/// What backward needs of the latest forward.
struct Latest {
    x_hat: Values,
    inv_std: Values,
    spatial: usize,
    training: bool,
}

/// "unsupported" or "error", and one sentence.
struct Trouble(&'static str, String);

/// The places of one channel's values.
fn places(size: usize, channels: usize, spatial: usize, c: usize) -> impl Iterator<Item = usize> + Clone {
    (c * spatial..size).step_by((channels * spatial).max(1)).flat_map(move |start| start..start + spatial)
}

impl BatchNorm {
    fn kept(&self, value: f64) -> f64 {
        if self.single { value as f32 as f64 } else { value }
    }

    fn forward(&mut self, x: &Values, spatial: usize, training: bool) -> Result<Values, Trouble> {
        let (size, m, momentum) = (x.len(), x.len() as f64 / self.channels as f64, self.momentum);
        if training && m == 0.0 {
            return Err(Trouble("error", "a batch of no values has no mean".into()));
        }
        let (mut y, mut x_hat, mut inv_std) = (vec![0.0; size], vec![0.0; size], vec![0.0; self.channels]);
        for c in 0..self.channels {
            let at = places(size, self.channels, spatial, c);
            let (mut mean, mut var) = (self.running_mean[c], self.running_var[c]);
            if training {
                let rough = at.clone().map(|i| x[i]).sum::<f64>() / m;
                mean = rough + at.clone().map(|i| x[i] - rough).sum::<f64>() / m; // what rounding took from the first sum
                let squares = at.clone().map(|i| (x[i] - mean).powi(2)).sum::<f64>();
                var = squares / m;
                self.running_mean[c] = self.kept((1.0 - momentum) * self.running_mean[c] + momentum * mean);
                self.running_var[c] = self.kept((1.0 - momentum) * self.running_var[c] + momentum * squares / (m - 1.0).max(1.0));
            }
            inv_std[c] = 1.0 / (var + self.eps).sqrt();
            for i in at {
                x_hat[i] = (x[i] - mean) * inv_std[c];
                y[i] = self.gamma[c] * x_hat[i] + self.beta[c];
            }
        }
        self.latest = Some(Latest { x_hat, inv_std, spatial, training });
        Ok(y)
    }

    /// dx, dgamma, dbeta.
    fn backward(&self, dy: &Values) -> Result<[Values; 3], Trouble> {
        let latest = self.latest.as_ref().filter(|latest| latest.x_hat.len() == dy.len());
        let Latest { x_hat, inv_std, spatial, training } = latest.ok_or(Trouble("error", "dy has another size than x had".into()))?;
        let (m, mut dx) = (dy.len() as f64 / self.channels as f64, vec![0.0; dy.len()]);
        let (mut dgamma, mut dbeta) = (vec![0.0; self.channels], vec![0.0; self.channels]);
        for c in 0..self.channels {
            let at = places(dy.len(), self.channels, *spatial, c);
            dgamma[c] = at.clone().map(|i| dy[i] * x_hat[i]).sum();
            dbeta[c] = at.clone().map(|i| dy[i]).sum();
            for i in at {
                let through = if *training { (dbeta[c] + x_hat[i] * dgamma[c]) / m } else { 0.0 };
                dx[i] = self.gamma[c] * inv_std[c] * (dy[i] - through);
            }
        }
        Ok([dx, dgamma, dbeta])
    }
}

fn numbers(dtype: &str, bytes: &[u8]) -> Values {
    match dtype {
        "f4" => bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap()) as f64).collect(),
        "f8" => bytes.chunks_exact(8).map(|eight| f64::from_le_bytes(eight.try_into().unwrap())).collect(),
        _ => vec![],
    }
}

fn bytes(values: &Values, single: bool) -> Vec<u8> {
    let of = |value: &f64| if single { (*value as f32).to_le_bytes().to_vec() } else { value.to_le_bytes().to_vec() };
    values.iter().flat_map(of).collect()
}

fn product(sizes: &str, from_axis: usize) -> usize {
    sizes.split(',').skip(from_axis).map(|size| size.parse::<usize>().unwrap()).product()
}

fn hello(words: &Texts) -> Answer {
    let said = " protocol=1 backward=1 running=1 copy=0 save=0".to_string();
    if words["protocol"] == "1" { Ok((said, vec![])) } else { Err(Trouble("error", "this driver speaks protocol 1".into())) }
}

fn layer_of(words: &Texts, arrays: &mut HashMap<String, Values>) -> Result<BatchNorm, Trouble> {
    if words["axis"] != "1" || !["f4", "f8"].contains(&words["dtype"].as_str()) {
        return Err(Trouble("unsupported", "f4 and f8, channels on axis 1".into()));
    }
    let channels = words["channels"].parse().unwrap();
    let mut given = |name: &str, start: f64| arrays.remove(name).unwrap_or(vec![start; channels]);
    let number = |name: &str, default: f64| words.get(name).map_or(default, |text| text.parse().unwrap());
    let (gamma, beta) = (given("gamma", 1.0), given("beta", 0.0));
    let (running_mean, running_var) = (given("running_mean", 0.0), given("running_var", 1.0));
    let (eps, momentum, single) = (number("eps", 1e-5), number("momentum", 0.1), words["dtype"] == "f4");
    Ok(BatchNorm { channels, single, eps, momentum, gamma, beta, running_mean, running_var, latest: None })
}

// The protocol.
fn answer(words: &Texts, sizes: &Texts, mut arrays: HashMap<String, Values>, layers: &mut Layers) -> Answer {
    let (op, number) = (words["op"].as_str(), words.get("layer").cloned().unwrap_or_default());
    if op == "layer" { layers.remove(&number); layers.insert(number.clone(), layer_of(words, &mut arrays)?); }
    if op == "start" { return hello(words); }
    if op == "layer" || op == "stop" { return Ok(Default::default()); }
    if !["forward", "backward", "running"].contains(&op) { return Err(Trouble("unsupported", format!("{op} is not offered"))); }
    let layer = layers.get_mut(&number).ok_or(Trouble("error", format!("there is no layer {number}")))?;
    let channels = layer.channels.to_string();
    let [dx, dgamma, dbeta] = if op == "backward" { layer.backward(&arrays["dy"])? } else { Default::default() };
    let fields = match op {
        "forward" => vec![("y", &sizes["x"], layer.forward(&arrays["x"], product(&sizes["x"], 2), words["training"] == "1")?)],
        "backward" => vec![("dx", &sizes["dy"], dx), ("dgamma", &channels, dgamma), ("dbeta", &channels, dbeta)],
        _ => vec![("mean", &channels, layer.running_mean.clone()), ("var", &channels, layer.running_var.clone())],
    };
    let word = |(name, shape, _): &(&str, &String, Values)| format!(" {name}:f{}:{shape}", if layer.single { 4 } else { 8 });
    Ok((fields.iter().map(word).collect(), fields.iter().flat_map(|field| bytes(&field.2, layer.single)).collect()))
}

fn main() {
    let mut source = BufReader::new(File::open("/dev/fd/".to_string() + &env::var("BNSPEC_IN").unwrap()).unwrap());
    let mut sink = File::create("/dev/fd/".to_string() + &env::var("BNSPEC_OUT").unwrap()).unwrap();
    let (mut layers, mut line, mut op) = (Layers::new(), String::new(), String::new());
    while op != "stop" && source.read_line(&mut line).unwrap() > 0 {
        let (mut words, mut sizes, mut arrays) = (Texts::new(), Texts::new(), HashMap::new());
        for word in std::mem::take(&mut line).split_whitespace() {
            if let Some((name, value)) = word.split_once('=') { words.insert(name.into(), value.into()); continue; }
            let [name, dtype, shape] = word.split(':').collect::<Vec<_>>()[..] else { panic!("{word} is no word") };
            let width = dtype[dtype.len() - 1..].parse::<usize>().unwrap(); // a dtype ends with it: u1, f2, bf2, f4, f8
            let mut payload = vec![0; product(shape, 0) * width];
            source.read_exact(&mut payload).unwrap();
            (sizes.insert(name.into(), shape.into()), arrays.insert(name.into(), numbers(dtype, &payload)));
        }
        op = words["op"].clone();
        let (reply, payload) = match answer(&words, &sizes, arrays, &mut layers) {
            Ok((fields, payload)) => (format!("ok=1{fields}"), payload),
            Err(Trouble(kind, why)) => (format!("ok=0 kind={kind} text:u1:{}", why.len()), why.into_bytes()),
        };
        sink.write_all(&[format!("id={} {reply}\n", words["id"]).as_bytes(), &payload].concat()).unwrap();
    }
}
